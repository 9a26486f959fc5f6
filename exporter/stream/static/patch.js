// Merge patches and cursors: what leads from one snapshot to the next.

/** Return `tree` with a merge patch (RFC 7396) applied; neither is changed, untouched parts are shared. */
export function applyPatch(tree, patch) {
  if (!isObject(patch)) return patch;
  const next = isObject(tree) ? { ...tree } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete next[key];
    else {
      // defineProperty, because assigning to a key called "__proto__" would not set a key.
      const merged = applyPatch(Object.hasOwn(next, key) ? next[key] : undefined, value);
      Object.defineProperty(next, key, { value: merged, writable: true, enumerable: true, configurable: true });
    }
  }
  return next;
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
