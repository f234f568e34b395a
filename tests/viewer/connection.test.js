import assert from "node:assert/strict";
import { test } from "node:test";

import { CONNECT_TIMEOUT_MS, Connection, RENEW_MS } from "../../backend/lobby/viewer/connection.js";

const ADDRESS = { url: "ws://h/", room: "", pid: "p1", name: "Ada", token: "" };
const WELCOME = { type: "welcome", your_id: "p1", lobby_players: [], v: 2, n: 1, seq: 0 };

/** A world without a network: sockets that the test answers for, and a clock that jumps. */
function world({ random = 0.5 } = {}) {
  const here = { now_ms: 0, sockets: [], timers: [], states: [], messages: [], latencies: [], traffic: [] };
  class Socket {
    readyState = 0;
    sent = [];
    closed = null;
    onopen = null;
    onmessage = null;
    onclose = null;
    constructor(url) {
      this.url = url;
      here.sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close(code) {
      this.closed = code;
      this.readyState = 2;
    }
    // The lobby's side:
    open() {
      this.readyState = 1;
      this.onopen?.();
      return this;
    }
    says(message) {
      this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
      return this;
    }
    ends(code, reason = "") {
      this.readyState = 3;
      this.onclose?.({ code, reason });
    }
  }
  here.connection = new Connection(
    {
      state: (state) => here.states.push(state),
      message: (message) => here.messages.push(message),
      traffic: (...all) => here.traffic.push(all),
      latency: (ms) => here.latencies.push(ms),
    },
    {
      open: (url) => new Socket(url),
      now: () => here.now_ms,
      after: (action, ms) => {
        const timer = { action, at_ms: here.now_ms + ms };
        here.timers.push(timer);
        return timer;
      },
      cancel: (timer) => (here.timers = here.timers.filter((other) => other !== timer)),
      random: () => random,
    },
  );
  here.pass = (ms) => {
    const until_ms = here.now_ms + ms;
    for (;;) {
      const next = here.timers.filter(({ at_ms }) => at_ms <= until_ms).sort((a, b) => a.at_ms - b.at_ms)[0];
      if (!next) break;
      here.timers = here.timers.filter((other) => other !== next);
      here.now_ms = Math.max(here.now_ms, next.at_ms);
      next.action();
    }
    here.now_ms = until_ms;
  };
  here.socket = () => here.sockets.at(-1);
  here.kind = () => here.connection.state.kind;
  here.connect = () => {
    here.connection.connect(ADDRESS);
    here.socket().open().says(WELCOME);
    return here;
  };
  /** The lobby lives on: it answers pings. */
  here.live = (ms) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      here.pass(1_000);
      for (const socket of here.sockets) {
        for (const { action, t } of socket.sent.splice(0)) if (action === "ping" && socket.readyState === 1) socket.says({ type: "pong", t });
      }
    }
  };
  return here;
}

test("connected is who was welcomed, not who merely has an open socket", () => {
  const here = world();
  here.connection.connect(ADDRESS);
  assert.equal(here.kind(), "connecting");
  assert.equal(here.socket().url, "ws://h/?pid=p1&name=Ada&v=2");
  here.socket().open();
  assert.equal(here.kind(), "connecting");
  assert.equal(here.connection.send({ action: "pos" }), false);
  here.socket().says(WELCOME);
  assert.equal(here.kind(), "connected");
  assert.equal(here.connection.send({ action: "pos" }), true);
});

test("a lobby that does not welcome by itself is asked, and given up after ten seconds", () => {
  const here = world();
  here.connection.connect(ADDRESS);
  here.socket().open();
  here.pass(3_000);
  assert.deepEqual(here.socket().sent, [{ action: "hello" }]);
  here.pass(CONNECT_TIMEOUT_MS - 3_000);
  assert.equal(here.kind(), "waiting");
  assert.match(here.connection.state.why, /ten seconds/);
  assert.notEqual(here.socket().closed, null);
});

test("after an accident it comes back by itself, as the same player", () => {
  const here = world().connect();
  here.live(20_000);
  here.socket().ends(1006);
  assert.equal(here.kind(), "waiting");
  assert.equal(here.connection.state.until_ms - here.now_ms, 250, "half of half a second, by this randomNumbers");
  here.pass(250);
  assert.equal(here.sockets.length, 2);
  assert.equal(here.sockets[1].url, here.sockets[0].url);
  here.socket().open().says(WELCOME);
  assert.equal(here.kind(), "connected");
});

test("pauses grow with every try and are forgotten only after a connection that lived", () => {
  const here = world().connect();
  const pauses = [];
  for (let i = 0; i < 9; i++) {
    here.socket().ends(1011);
    pauses.push(here.connection.state.until_ms - here.now_ms);
    here.pass(pauses.at(-1));
    here.socket().open().says(WELCOME); // and dropped again at once
  }
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  here.live(6_000);
  here.socket().ends(1001);
  assert.equal(here.connection.state.until_ms - here.now_ms, 250);
});

test("who is told not to come back does not, and says why", () => {
  for (const code of [4500, 4501, 4999]) {
    const here = world();
    here.connection.connect(ADDRESS);
    here.socket().open().says({ type: "error", code: "unauthorized", message: "a token is needed" }).ends(code);
    assert.deepEqual([here.kind(), here.connection.state.why], ["refused", "a token is needed"]);
    here.pass(3_600_000);
    assert.equal(here.sockets.length, 1);
    here.connection.tryNow(); // a person has changed something
    assert.equal(here.sockets.length, 2);
  }
});

test("an error of long ago is not why the connection ended", () => {
  const here = world().connect();
  here.socket().says({ type: "error", code: "too_fast", message: "too fast" });
  here.live(30_000);
  here.socket().ends(4500);
  assert.match(here.connection.state.why, /somewhere else/);
});

test("4000 to 4499 mean come back", () => {
  for (const code of [4000, 4004, 4499]) {
    const here = world().connect();
    here.socket().ends(code, "restarting");
    assert.deepEqual([here.kind(), here.connection.state.why], ["waiting", "restarting"]);
  }
});

test("nobody has to wait for the pause to end", () => {
  const here = world({ random: 0.99 }).connect();
  here.socket().ends(1006);
  here.connection.tryNow();
  assert.equal(here.sockets.length, 2);
  here.pass(60_000);
  assert.equal(here.sockets.filter(({ closed, readyState }) => closed === null && readyState < 2).length <= 1, true, "and the pause's own try is off");
});

test("a pulled cable is noticed: pings without an answer end the connection", () => {
  const here = world().connect();
  here.live(30_000);
  assert.ok(here.latencies.length >= 5);
  here.pass(25_000); // nobody answers
  assert.equal(here.kind() === "connected", false);
  assert.match(here.states.find(({ kind }) => kind === "waiting").why, /heard/);
});

test("a lobby that speaks version 1 is not bothered with pings", () => {
  const here = world();
  here.connection.connect(ADDRESS);
  here.socket().open().says({ type: "welcome", your_id: "p1", lobby_players: [] });
  here.pass(600_000);
  assert.equal(here.kind(), "connected");
  assert.deepEqual(here.socket().sent, []);
});

test("the round trip is measured", () => {
  const here = world().connect();
  const [ping] = here.socket().sent;
  here.now_ms += 42;
  here.socket().says({ type: "pong", t: ping.t, now: 1 });
  assert.deepEqual(here.latencies, [42]);
});

test("before AWS cuts it the connection is taken over by a new one, and nobody notices", () => {
  const here = world().connect();
  const old = here.socket();
  here.live(RENEW_MS - 150_000); // by this randomNumbers two and a half minutes early
  assert.equal(here.sockets.length, 2);
  const states = here.states.length;
  assert.equal(old.closed, null, "the old one serves until the new one is welcomed");
  old.says({ type: "leave", id: "x" });
  here.socket().open();
  old.ends(4500, "taken over"); // the lobby may close it before it welcomes the new one
  here.socket().says(WELCOME).says({ type: "join", id: "y", x: 0, y: 0 });
  assert.equal(here.kind(), "connected");
  assert.ok(here.states.slice(states).every(({ kind }) => kind === "connected"));
  assert.deepEqual(here.messages.slice(-2).map(({ type }) => type), ["welcome", "join"]);
  assert.equal(here.connection.send({ action: "pos" }), true);
  assert.equal(here.socket().sent.at(-1).action, "pos");
});

test("a takeover that fails leaves the old connection alone and is tried again", () => {
  const here = world().connect();
  here.live(RENEW_MS - 150_000); // by this randomNumbers two and a half minutes early
  here.socket().ends(1006);
  assert.equal(here.kind(), "connected");
  here.live(61_000);
  assert.equal(here.sockets.length, 3);
});

test("a new name waits until the others have seen us go", () => {
  const here = world().connect();
  const old = here.socket();
  here.connection.connect({ ...ADDRESS, name: "Bea" });
  assert.equal(old.closed, 1000);
  assert.equal(here.sockets.length, 1);
  old.ends(1000);
  assert.equal(here.sockets.length, 2);
  assert.match(here.socket().url, /name=Bea/);
  here.socket().open().says(WELCOME);
  here.live(10_000);
  assert.equal(here.sockets.length, 2);
});

test("but not for ever", () => {
  const here = world().connect();
  here.connection.connect({ ...ADDRESS, name: "Bea" });
  here.pass(2_000);
  assert.equal(here.sockets.length, 2);
});

test("closed by ourselves is closed", () => {
  const here = world().connect();
  here.connection.close();
  assert.equal(here.kind(), "closed");
  here.pass(8 * 3_600_000);
  assert.equal(here.sockets.length, 1);
  assert.deepEqual(here.timers, []);
});

test("a wrong address is refused in words and not tried again", () => {
  const here = world();
  here.connection.connect({ ...ADDRESS, url: "ftp://h" });
  assert.equal(here.kind(), "refused");
  assert.match(here.connection.state.why, /ws:/);
});

test("config is obeyed, and nonsense in it is not", () => {
  const here = world().connect();
  here.socket().says({ type: "config", send_ms: 250, window_ms: "x", far_ms: -5, extra: 1 });
  assert.deepEqual(here.connection.config, { send_ms: 250, window_ms: 50, far_ms: 500, heartbeat_ms: 20_000 });
});

test("what is not JSON, or no object, is dropped", () => {
  const here = world().connect();
  const before = here.messages.length;
  here.socket().says("{").says("5").says("null").says({ type: "news" });
  assert.deepEqual(here.messages.slice(before), [{ type: "news" }]);
});

test("strangers are asked about, but not all the time", () => {
  const here = world().connect();
  here.socket().sent.length = 0;
  for (let i = 0; i < 50; i++) {
    here.connection.askForWelcome();
    here.now_ms += 100;
  }
  assert.equal(here.socket().sent.filter(({ action }) => action === "hello").length, 1);
});

test("bytes are counted both ways as they travel", () => {
  const here = world().connect();
  here.traffic.length = 0;
  here.socket().says({ type: "join", id: "é" });
  assert.deepEqual(here.traffic[0].slice(0, 2), ["in", 25]);
});

test("a goodbye in words counts where the close code says nothing", () => {
  const here = world().connect();
  here.socket().says({ type: "error", code: "taken_over", message: "the same player connected again", close: 4500 });
  here.socket().ends(1000);
  assert.equal(here.kind(), "refused");
  assert.equal(here.connection.state.code, 4500);
  assert.equal(here.connection.state.why, "the same player connected again");
});

test("who is told to come back comes back, and a lobby that dies over its goodbye is left", () => {
  const here = world().connect();
  here.socket().says({ type: "error", code: "silent", message: "nothing was heard of you", close: 4001 });
  here.pass(1_000);
  assert.equal(here.socket().closed, 1000);
  here.socket().ends(1005);
  assert.equal(here.kind(), "waiting");
  assert.equal(here.connection.state.code, 4001);
});

test("where the lobby asks for few pings it gets few", () => {
  const here = world().connect();
  here.socket().says({ type: "config", send_ms: 100, window_ms: 60, far_ms: 500, heartbeat_ms: 120_000 });
  here.live(60_000);
  const before = here.socket().sent.length;
  here.live(120_000);
  assert.equal(before, 0);
  assert.ok(here.traffic.filter(([direction]) => direction === "out").length <= 7);
});
