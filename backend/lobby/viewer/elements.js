// The elements of the page by their id.

/**
 * The element with this id. Throws if it is missing or of another kind: then page and script do not fit together.
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {{ new (): T }} [kind] HTMLElement if left out
 * @returns {T}
 */
export function $(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof (kind ?? HTMLElement))) throw new Error(`the page has no ${(kind ?? HTMLElement).name} #${id}`);
  return /** @type {T} */ (/** @type {unknown} */ (element));
}

export const $input = (/** @type {string} */ id) => $(id, HTMLInputElement);

/** Sets a text. Texts of other people reach the page through `textContent` only. */
export function setText(/** @type {string} */ id, /** @type {string} */ text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, if it is another than before. */
export function setAttribute(/** @type {Element} */ element, /** @type {string} */ name, /** @type {string} */ value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Calls `then` with the submitted form's event, without loading another page. */
export function onSubmit(/** @type {string} */ id, /** @type {() => void} */ then) {
  $(id, HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    then();
  });
}

export function onClick(/** @type {string} */ id, /** @type {() => void} */ then) {
  $(id).addEventListener("click", then);
}
