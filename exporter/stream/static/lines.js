// The lines of the income statement that a snapshot has, and what they sum to.

import { STATEMENT } from "./components.js";
import { sum } from "./figures.js";

const GRADES = ["missing", "stale", "partial", "estimated", "final"];

/**
 * Return the groups a snapshot has figures of: { title, lines, sources }, each line and source as [id, title].
 * Sources are named where a kind has several. A component that the table lacks comes last, for it is part of the net.
 */
export function groupsOf({ windows, sources }) {
  const { components, by_source: bySource = {} } = windows.all ?? {};
  const others = { ...components };
  const groups = STATEMENT.map(({ kind, title, lines }) => ({
    title,
    lines: Object.entries(lines).filter(([id]) => others[id] && delete others[id]),
    sources: Object.entries(sources).flatMap(([name, state]) => (state.kind === kind && bySource[name] ? [[name, state.title]] : [])),
  }));
  groups.push({ title: "Other", lines: Object.keys(others).map((id) => [id, id.replaceAll("_", " ")]), sources: [] });
  return groups.filter(({ lines }) => lines.length);
}

/**
 * Return the rows of a statement, top down: { level, group, title, source, ids }. A "group" is followed by each
 * "line" of it, and where it has several sources by the "share" of each, with every "share-line" of it.
 */
export function rowsOf(groups) {
  return groups.flatMap(({ title: group, lines, sources }) => {
    const rows = (head, line, title, source) => [
      { level: head, group, title, source, ids: lines.map(([id]) => id) },
      ...lines.map(([id, name]) => ({ level: line, group, title: name, source, ids: [id] })),
    ];
    return [...rows("group", "line", group), ...sources.flatMap(([source, title]) => rows("share", "share-line", title, source))];
  });
}

/** Return what a window states for a row: the sum with the worst grade; no `usd` when a part has none; null without any. */
export function figureOf({ source, ids }, window) {
  const { components = {} } = (source ? window.by_source?.[source] : window) ?? {};
  const parts = ids.map((id) => components[id]).filter(Boolean);
  if (!parts.length) return null;
  const grade = GRADES[Math.max(0, Math.min(...parts.map((part) => GRADES.indexOf(part.grade))))];
  const known = parts.every(({ usd }) => usd !== undefined);
  return known ? { grade, usd: sum(parts.map(({ usd }) => usd)) } : { grade };
}
