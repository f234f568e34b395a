import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { fromPage, lobbyOf } from "../../backend/lobby/viewer/address.js";
import { roomsUrl, socketUrl } from "../../clients/javascript/client/address.js";

const EMPTY = { url: "ws://h/", room: "", pid: "", name: "", token: "" };

test("without an address the page connects to the lobby that served it", () => {
  assert.equal(lobbyOf("http://127.0.0.1:8765/"), "ws://127.0.0.1:8765/");
  assert.equal(lobbyOf("https://play.example/lobby/?room=x#y"), "wss://play.example/lobby/");
  assert.equal(lobbyOf("https://play.example/lobby/index.html"), "wss://play.example/lobby/");
  assert.equal(lobbyOf("http://h/viewer/index.html"), "ws://h/");
});

test("the page's address chooses the lobby, the room and the player", () => {
  const address = fromPage("http://h/?url=wss://a.example/prod&room=dock&pid=p1&name=Ada&token=t", "visitor_1");
  assert.deepEqual(address, { url: "wss://a.example/prod", room: "dock", pid: "p1", name: "Ada", token: "t", watch: false });
  assert.deepEqual(fromPage("http://h/", "visitor_1"), { url: "ws://h/", room: "", pid: "visitor_1", name: "Visitor", token: "", watch: false });
  assert.equal(fromPage("http://h/?token=t", "visitor_1").pid, "", "the token names the player");
  assert.equal(fromPage("http://h/?watch=1", "visitor_1").watch, true);
});

test("the URL of the socket has a path before its question mark, and version 2", () => {
  assert.equal(socketUrl({ ...EMPTY, url: "ws://h:1" }), "ws://h:1/?v=3");
  assert.equal(socketUrl({ ...EMPTY, url: "h:1" }), "ws://h:1/?v=3");
  assert.equal(socketUrl({ ...EMPTY, url: " https://h/prod " }), "wss://h/prod?v=3");
  assert.equal(socketUrl({ ...EMPTY, url: "ws://h/?key=5&v=1", room: "r" }), "ws://h/?key=5&v=3&room=r");
  assert.equal(socketUrl({ ...EMPTY, pid: "a:b", name: "Ada & Bea", token: "x.y" }), "ws://h/?pid=a%3Ab&name=Ada+%26+Bea&token=x.y&v=3");
});

test("an address that is not valid is refused with a sentence", () => {
  for (const url of ["", "   ", "ws://", "ftp://h/", "javascript://alert(1)"]) {
    assert.throws(() => socketUrl({ ...EMPTY, url }), /address/, url);
  }
  assert.throws(() => socketUrl({ ...EMPTY, pid: "a b" }), /pid/);
});

test("the list of rooms is beside the address of the lobby", () => {
  const { cases } = JSON.parse(readFileSync(new URL("../rooms_addresses.json", import.meta.url), "utf8"));
  for (const { lobby, token, after, rooms } of cases) {
    assert.equal(roomsUrl({ ...EMPTY, url: lobby, token, pid: "ann", room: "hub" }, 1_000, after), rooms);
  }
});
