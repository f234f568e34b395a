import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../../clients/javascript/client/client.js";
import { CLOSE_MS, HELLO_EVERY_MS } from "../../clients/javascript/client/constants.js";
import { FakeNetwork } from "./fake_network.js";

const ADDRESS = { url: "ws://h/", room: "", pid: "p1", name: "Ada", token: "" };
const WELCOME = { type: "welcome", your_id: "p1", lobby_players: [], v: 2, n: 1, seq: 0 };
const config = (heartbeat_ms) => ({ type: "config", send_ms: 250, window_ms: 60, far_ms: 500, heartbeat_ms });

/** A client, and what it reports. */
function start(address = ADDRESS) {
  const network = new FakeNetwork();
  const seen = { statuses: [], messages: [], traffic: [] };
  const client = new Client(
    {
      status: (status) => seen.statuses.push(status),
      message: (message) => seen.messages.push(message),
      traffic: (...counted) => seen.traffic.push(counted),
    },
    network.surroundings,
  );
  const pass = (ms, answers_pings) => network.pass(() => client.poll(), ms, answers_pings);
  client.connect(address);
  return { client, network, seen, pass };
}

function connected() {
  const all = start();
  all.network.socket.open().receives(WELCOME);
  return all;
}

test("the page is connected when the welcome arrives, at once and not at the next poll", () => {
  const { client, network, seen } = start();
  assert.equal(network.socket.url, "ws://h/?pid=p1&name=Ada&v=3");
  assert.equal(client.send("{}"), false);
  network.socket.open().receives(WELCOME);
  assert.deepEqual(seen.statuses.map(({ kind }) => kind), ["connecting", "connected"]);
  assert.equal(client.send("{}"), true);
});

test("after a disconnect it waits, with a reason and a time, and retries", () => {
  const { client, network, seen, pass } = connected();
  network.socket.ends(1006);
  const { kind, why, until_ms, tries } = client.status;
  assert.deepEqual([kind, why, until_ms, tries], ["waiting", "the connection broke off", 250, 1]);
  pass(300);
  assert.deepEqual([network.sockets.length, client.status.kind], [2, "connecting"]);
  network.socket.open().receives(WELCOME);
  assert.equal(seen.statuses.at(-1).kind, "connected");
});

test("a person can end the pause", () => {
  const { client, network } = connected();
  network.socket.ends(1006);
  client.tryNow();
  assert.equal(network.sockets.length, 2);
});

test("after a refusal only a person can connect again", () => {
  const { client, network, pass } = start();
  network.socket.open().receives({ type: "error", code: "unauthorized", message: "a token is needed" }).ends(4501);
  assert.deepEqual([client.status.kind, client.status.why, client.status.code], ["refused", "a token is needed", "unauthorized"]);
  client.nudge();
  pass(60_000);
  assert.equal(network.sockets.length, 1);
  client.tryNow();
  assert.equal(network.sockets.length, 2);
});

test("another name is sent after the lobby closed the old connection", () => {
  const { client, network, seen } = connected();
  const [old] = network.sockets;
  client.connect({ ...ADDRESS, name: "Bea" });
  assert.deepEqual([old.closed, network.sockets.length, client.status.kind], [1000, 1, "connecting"]);
  old.ends(1000);
  assert.match(network.socket.url, /name=Bea/);
  network.socket.open().receives(WELCOME);
  assert.deepEqual(seen.statuses.map(({ kind }) => kind), ["connecting", "connected", "connecting", "connected"]);
});

test("a lobby that does not close the old connection is not waited for longer than CLOSE_MS", () => {
  const { client, network, pass } = connected();
  client.connect({ ...ADDRESS, name: "Bea" });
  pass(CLOSE_MS - 100);
  assert.equal(network.sockets.length, 1);
  pass(200);
  assert.equal(network.sockets.length, 2);
});

test("a page that disconnects while it waits for the close stays disconnected", () => {
  const { client, network, pass } = connected();
  client.connect({ ...ADDRESS, name: "Bea" });
  client.close();
  network.sockets[0].ends(1000);
  pass(10_000);
  assert.deepEqual([network.sockets.length, client.status.kind], [1, "closed"]);
});

test("an address that is not valid is refused with a reason", () => {
  const { client, network, pass } = start({ ...ADDRESS, url: "ftp://h" });
  assert.equal(client.status.kind, "refused");
  assert.match(client.status.why, /ws:/);
  pass(60_000);
  assert.equal(network.sockets.length, 0);
  client.connect(ADDRESS);
  assert.equal(client.status.kind, "connecting");
});

test("the browser's own reason not to connect is shown", () => {
  const { client, network } = start();
  network.refusal = "insecure WebSocket in a page over HTTPS";
  client.close();
  network.sockets[0].ends(1006);
  client.tryNow();
  assert.deepEqual([client.status.kind, client.status.why], ["refused", network.refusal]);
});

test("pings are as frequent as the lobby asks for, and the best round trip of three counts", () => {
  const { client, network, pass } = connected();
  network.socket.receives(config(20_000));
  pass(60_000);
  assert.ok(network.sent("ping").length <= 4);
  assert.equal(client.round_trip_ms, 0);
  network.socket.ends(1006);
  assert.ok(Number.isNaN(client.round_trip_ms), "a new connection is measured anew");
});

test("a lobby that does not answer pings is given up", () => {
  const { seen, pass } = connected();
  pass(11_000, false);
  assert.equal(seen.statuses.find(({ kind }) => kind === "waiting").why, "the lobby stopped answering");
});

test("a welcome is requested at most every HELLO_EVERY_MS", () => {
  const { client, network, pass } = connected();
  for (let i = 0; i < 50; i++) {
    client.requestWelcome();
    pass(100);
  }
  assert.equal(network.sent("hello").length, 1);
  pass(HELLO_EVERY_MS);
  client.requestWelcome();
  assert.equal(network.sent("hello").length, 2);
});

test("a lobby of version 1 is not asked", () => {
  const { client, network } = start();
  network.socket.open().receives({ type: "welcome", your_id: "p1", lobby_players: [] });
  client.requestWelcome();
  assert.deepEqual(network.sent("hello"), []);
});

test("the lobby's send interval is used", () => {
  const { client, network } = connected();
  assert.equal(client.send_ms, 100);
  network.socket.receives(config(20_000));
  assert.equal(client.send_ms, 250);
});

test("bytes are counted in both directions", () => {
  const { client, network, seen } = connected();
  seen.traffic.length = 0;
  network.socket.receives({ type: "leave", id: "é" });
  client.send('{"a":"ö"}');
  assert.deepEqual(seen.traffic, [["in", 26, 0], ["out", 10, 0]]);
});

test("what is not a text is dropped", () => {
  const { network, seen } = connected();
  network.socket.onmessage({ data: new ArrayBuffer(3) });
  assert.equal(seen.messages.length, 1);
});
