import assert from "node:assert/strict";
import { test } from "node:test";

import { fromPage, lobbyOf, oneLine, socketUrl } from "../../backend/lobby/viewer/address.js";

const NOBODY = { url: "ws://h/", room: "", pid: "", name: "", token: "" };

test("by itself the page talks to whoever served it", () => {
  assert.equal(lobbyOf("http://127.0.0.1:8765/"), "ws://127.0.0.1:8765/");
  assert.equal(lobbyOf("https://play.example/lobby/?room=x#y"), "wss://play.example/lobby/");
  assert.equal(lobbyOf("https://play.example/lobby/index.html"), "wss://play.example/lobby/");
  assert.equal(lobbyOf("http://h/viewer/index.html"), "ws://h/");
});

test("the page's address says where else, and who", () => {
  const address = fromPage("http://h/?url=wss://a.example/prod&room=dock&pid=p1&name=Ada&token=t", "visitor_1");
  assert.deepEqual(address, { url: "wss://a.example/prod", room: "dock", pid: "p1", name: "Ada", token: "t" });
  assert.deepEqual(fromPage("http://h/", "visitor_1"), { url: "ws://h/", room: "", pid: "visitor_1", name: "Visitor", token: "" });
  assert.equal(fromPage("http://h/?token=t", "visitor_1").pid, "", "a token says who we are");
});

test("an address becomes what a socket opens, with a path before the question mark and version 2", () => {
  assert.equal(socketUrl({ ...NOBODY, url: "ws://h:1" }), "ws://h:1/?v=2");
  assert.equal(socketUrl({ ...NOBODY, url: "h:1" }), "ws://h:1/?v=2");
  assert.equal(socketUrl({ ...NOBODY, url: " https://h/prod " }), "wss://h/prod?v=2");
  assert.equal(socketUrl({ ...NOBODY, url: "ws://h/?key=5&v=1", room: "r" }), "ws://h/?key=5&v=2&room=r");
  assert.equal(socketUrl({ ...NOBODY, pid: "a:b", name: "Ada & Bea", token: "x.y" }), "ws://h/?pid=a%3Ab&name=Ada+%26+Bea&token=x.y&v=2");
});

test("an address that is none is refused in a sentence", () => {
  for (const url of ["", "   ", "ws://", "ftp://h/", "javascript://alert(1)"]) {
    assert.throws(() => socketUrl({ ...NOBODY, url }), /address/, url);
  }
  assert.throws(() => socketUrl({ ...NOBODY, pid: "a b" }), /pid/);
});

test("a stranger's words fit in one line and cannot turn the text around", () => {
  assert.equal(oneLine("  Ada \n\t\u0007"), "Ada");
  assert.equal(oneLine("\u202eevil\u2066"), "evil");
  assert.equal(oneLine("x".repeat(40)), "x".repeat(32));
  assert.equal(oneLine("🚀".repeat(40)), "🚀".repeat(32), "letters are counted, not halves of them");
  for (const none of [undefined, null, 5, {}]) assert.equal(oneLine(none), "");
});
