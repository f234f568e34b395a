// The dialog that asks before an action. It works by keyboard: the first field has the focus, Enter confirms, Escape cancels, and
// the focus returns to where it was.

import { $, onClick, onSubmit, setText } from "../viewer/elements.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {"text" | "number" | "area"} [kind] text if left out
 * @property {string} [value]
 * @property {[string, string][]} [choices] value and text of each
 * @property {number} [most] characters, or the largest number
 * @property {boolean} [required]
 *
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {Field[]} fields
 * @property {string} go what the button does
 * @property {boolean} [is_dangerous]
 * @property {(values: Record<string, string>) => Promise<string>} act returns the result in words; an error stays in the dialog
 */

export class Asking {
  /** @type {Question | null} */
  #question = null;
  #is_acting = false;
  #dialog = $("ask", HTMLDialogElement);

  /** @param {(result: string) => void} done called with the result, after the dialog has closed */
  constructor(done) {
    onClick("ask-cancel", () => this.#dialog.close());
    onSubmit("ask-form", () => void this.#act(done));
  }

  ask(/** @type {Question} */ question) {
    this.#question = question;
    setText("ask-title", question.title);
    setText("ask-text", question.text);
    setText("ask-error", "");
    setText("ask-go", question.go);
    $("ask-go").classList.toggle("danger", question.is_dangerous === true);
    $("ask-fields").replaceChildren(...question.fields.map(labelled));
    this.#dialog.showModal();
    const first = this.#dialog.querySelector("input, select, textarea");
    (first instanceof HTMLElement ? first : $("ask-go")).focus();
    if (first instanceof HTMLInputElement) first.select();
  }

  async #act(/** @type {(result: string) => void} */ done) {
    const question = this.#question;
    if (!question || this.#is_acting) return;
    this.#is_acting = true;
    setText("ask-error", "");
    try {
      const result = await question.act(this.#values());
      if (question !== this.#question) return;
      this.#dialog.close();
      done(result);
    } catch (error) {
      setText("ask-error", inWords(error));
    } finally {
      this.#is_acting = false;
    }
  }

  #values() {
    /** @type {Record<string, string>} */
    const values = {};
    for (const field of this.#dialog.querySelectorAll("input, select, textarea")) {
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement) values[field.name] = field.value;
    }
    return values;
  }
}

/** An error in a sentence. */
export function inWords(/** @type {unknown} */ error) {
  const is_silence = error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
  return is_silence ? "The lobby does not answer." : error instanceof Error ? error.message : String(error);
}

function labelled(/** @type {Field} */ field) {
  const label = document.createElement("label");
  label.append(field.label, control(field));
  return label;
}

function control(/** @type {Field} */ field) {
  if (field.choices) {
    const select = document.createElement("select");
    select.name = field.name;
    for (const [value, text] of field.choices) select.add(new Option(text, value, false, value === field.value));
    return select;
  }
  const input = document.createElement(field.kind === "area" ? "textarea" : "input");
  input.name = field.name;
  input.value = field.value ?? "";
  input.required = field.required === true;
  input.spellcheck = false;
  input.autocomplete = "off";
  if (input instanceof HTMLTextAreaElement) {
    input.rows = 3;
  } else if (field.kind === "number") {
    input.type = "number";
    input.min = "0";
    input.max = String(field.most);
  } else if (field.most) {
    input.maxLength = field.most;
  }
  return input;
}
