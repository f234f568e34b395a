// The forms of the page: name, status, and the dialog with the lobby's address.

import { $, $input, onClick, onSubmit } from "./elements.js";
import { save, storedPid } from "./storage.js";
import { oneLine } from "../client/text.js";

/**
 * @typedef {import("./address.js").Address} Address
 *
 * @typedef {object} Actions
 * @property {() => Address | null} address the current one
 * @property {(address: Address) => void} connect
 * @property {() => void} disconnect
 * @property {(name: string) => void} setName
 * @property {(status: string) => void} setStatus
 */

const radios = () => [...document.querySelectorAll("[name=status]")].filter((element) => element instanceof HTMLInputElement);

/** Shows the own status: in the buttons, or in the text field if it is none of theirs. */
export function showStatus(/** @type {string} */ status) {
  for (const radio of radios()) radio.checked = radio.value === status;
  $input("status-text").value = radios().some((radio) => radio.checked) ? "" : status;
}

/** Shows the address that the page connects to. */
export function showAddress(/** @type {Address} */ { room, name, watch }) {
  document.body.toggleAttribute("data-watch", watch === true);
  $("room").textContent = room && room !== "lobby" ? `· ${room}` : "";
  $input("name").value = name;
}

/** A reload, or a shared link, leads to the same room. The token is not in it: a link is shared, a token is not. */
function rememberInUrl(/** @type {Address} */ address) {
  const here = new URL(location.href);
  for (const key of /** @type {const} */ (["url", "room"])) {
    if (address[key]) here.searchParams.set(key, address[key]);
    else here.searchParams.delete(key);
  }
  if (address.watch) here.searchParams.set("watch", "1");
  else here.searchParams.delete("watch");
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
}

function connectNameForm(/** @type {Actions} */ { address, setName }) {
  const [field, button] = [$input("name"), $("rename")];
  const current = () => address()?.name ?? "";
  field.addEventListener("input", () => (button.hidden = oneLine(field.value) === current()));
  onSubmit("name-form", () => {
    const [before, name] = [address(), oneLine(field.value)];
    button.hidden = true;
    field.blur();
    if (!before || !name || name === before.name) {
      field.value = current();
      return;
    }
    save("lobby-name", name);
    setName(name);
    field.value = name;
  });
}

function connectStatusForm(/** @type {Actions} */ { setStatus }) {
  const field = $input("status-text");
  onSubmit("status-form", () => {
    setStatus(field.value);
    field.blur();
  });
  for (const radio of radios()) radio.addEventListener("change", () => setStatus(radio.value));
}

function connectAddressDialog(/** @type {Actions} */ { address, connect, disconnect }) {
  const dialog = $("address", HTMLDialogElement);
  const [url, room, token] = [$input("address-url"), $input("address-room"), $input("address-token")];
  const watch = $input("address-watch");
  const open = () => {
    const before = address();
    [url.value, room.value, token.value] = [before?.url ?? "", before?.room ?? "", before?.token ?? ""];
    watch.checked = before?.watch ?? false;
    dialog.showModal();
    url.select();
  };
  onClick("notice-address", open);
  onClick("address-open", open);
  onClick("address-cancel", () => dialog.close());
  onClick("disconnect", () => {
    dialog.close();
    disconnect();
  });
  $("address-form", HTMLFormElement).addEventListener("submit", () => {
    const before = address();
    if (!before) return;
    const after = { ...before, url: url.value.trim(), room: room.value.trim(), token: token.value.trim(), watch: watch.checked };
    if (after.token !== before.token) after.pid = after.token ? "" : storedPid();
    rememberInUrl(after);
    connect(after);
  });
}

export function connectForms(/** @type {Actions} */ actions) {
  connectNameForm(actions);
  connectStatusForm(actions);
  connectAddressDialog(actions);
}
