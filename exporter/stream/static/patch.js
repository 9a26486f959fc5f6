// Merge patches and cursors: what leads from one snapshot to the next.

/** Return `tree` with a merge patch (RFC 7396) applied; neither is changed, untouched parts are shared. */
export function applyPatch(tree, patch) {
  if (!isObject(patch)) return patch;
  const next = new Map(Object.entries(isObject(tree) ? tree : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) next.delete(key);
    else next.set(key, applyPatch(next.get(key), value));
  }
  // From entries, because assigning to a key called "__proto__" would not set a key.
  return Object.fromEntries(next);
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a tree is a snapshot: everything that shows one relies on these. */
export function isSnapshot(tree) {
  return isObject(tree) && isObject(tree.windows) && isObject(tree.sources) && !Number.isNaN(Date.parse(tree.as_of));
}

/** Return what a cursor (`epoch-sequence`) says, or null when it is none. */
export function parseCursor(text) {
  const [, epoch, sequence] = /^(.+)-(\d{1,15})$/.exec(text) ?? [];
  return epoch ? { epoch, sequence: Number(sequence) } : null;
}
