// Rules for the files as they are served: no build step, nothing from other hosts, no markup from texts of other people.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../backend/lobby/viewer/", import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), "utf8");
const files = readdirSync(folder).filter((name) => /\.(js|html|css)$/.test(name));
const scripts = files.filter((name) => name.endsWith(".js"));

test("every file that another one loads exists", () => {
  const html = read("index.html");
  for (const [, name] of html.matchAll(/(?:src|href)="viewer\/([^"]+)"/g)) assert.ok(existsSync(new URL(name, folder)), name);
  for (const script of scripts) {
    for (const [, name] of read(script).matchAll(/(?:from |URL\()"\.\/([^"]+)"/g)) assert.ok(existsSync(new URL(name, folder)), `${script}: ${name}`);
  }
  assert.match(html, /src="viewer\/main\.js"/);
});

test("nothing is loaded from another host", () => {
  for (const name of files) {
    const addresses = [...read(name).matchAll(/(?:https?|wss?):\/\/[a-z0-9][^\s"'`)<]*/gi)].map(([url]) => url);
    const outside = addresses.filter((url) => !/^http:\/\/www\.w3\.org\/2000\/svg/.test(url) && !/amazonaws\.com|^ws:\/\/127\.0\.0\.1/.test(url));
    assert.deepEqual(outside, [], name);
    assert.doesNotMatch(read(name), /@import|url\(["']?(?!data:)/, name);
  }
});

test("markup is never made from text", () => {
  for (const name of scripts) {
    assert.doesNotMatch(read(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
  }
  const policy = read("index.html").match(/content="(default-src[^"]+)"/)[1];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.doesNotMatch(read("index.html"), /\son[a-z]+=|\sstyle=|<script(?![^>]*src=)/, "the policy would block it");
});

test("every element that a script uses by its id is on the page", () => {
  const ids = new Set([...read("index.html").matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
  for (const name of scripts) {
    for (const [, id] of read(name).matchAll(/(?:\$|\$input|setText|setFigure|onClick|onSubmit)\("([a-z-]+)"/g)) assert.ok(ids.has(id), `${name}: ${id}`);
  }
});

test("the pure modules use neither page nor clock nor random numbers", () => {
  const with_page = /^(client|controls|drawing|elements|forms|layout|main|page_life|page_socket|panel|storage|ticker)\.js$/;
  for (const name of scripts.filter((script) => !with_page.test(script))) {
    const code = read(name).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    assert.doesNotMatch(code, /\b(document|window|performance|setTimeout|setInterval|new WebSocket|localStorage)\b|Date\.now|Math\.random/, name);
  }
});
