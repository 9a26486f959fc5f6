// Small tools for pages. Text goes in as text: nothing that comes from outside becomes markup.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Set text only when it differs, so that nothing is announced, selected or animated in vain. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show texts as items; beyond `most` the rest is counted. */
export function list(box, texts, most = Infinity) {
  const shown = texts.length > most ? [...texts.slice(0, most), `and ${texts.length - most} more`] : texts;
  const before = [...box.children].map((item) => item.textContent);
  if (shown.length === before.length && shown.every((text, place) => text === before[place])) return;
  box.replaceChildren(...shown.map((text) => make("li", {}, text)));
}

/** Let an element settle: restarting an animation needs a frame without it. */
export function stir(element) {
  element.classList.remove("moved");
  requestAnimationFrame(() => element.classList.add("moved"));
}
