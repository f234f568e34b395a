import assert from "node:assert/strict";
import { test } from "node:test";

import { THEMES, Tints, chosenTint, playerColour, tint } from "../../backend/lobby/viewer/colour.js";

function luminance([r, g, b]) {
  const linear = [r, g, b].map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const hex = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));

test("a player has the same colour everywhere, and similar ids have different colours", () => {
  assert.equal(tint("bot_1"), tint("bot_1"));
  const used = new Set(Array.from({ length: 200 }, (_, i) => tint(`bot_${i}`)));
  assert.equal(used.size, 18);
  const counts = Array.from({ length: 1800 }, (_, i) => tint(`player_${i}`)).reduce((sum, at) => sum.set(at, (sum.get(at) ?? 0) + 1), new Map());
  for (const count of counts.values()) assert.ok(count > 60 && count < 150, `${count}`);
});

test("every ship has enough contrast to the ground, light and dark", () => {
  for (const theme of [THEMES.dark, THEMES.light]) {
    for (let at = 0; at < 18; at++) {
      const colour = playerColour(at, theme.dark).split(" ").map(Number);
      for (const ground of [theme.ground, theme.glow]) {
        const ratio = contrast(colour, hex(ground));
        assert.ok(ratio >= 3, `tint ${at}, ${theme.dark ? "dark" : "light"}: ${ratio.toFixed(2)}`);
      }
    }
  }
});

test("names on the field have a contrast of 4.5 to 1", () => {
  for (const theme of [THEMES.dark, THEMES.light]) {
    for (const ink of [theme.ink, theme.muted]) {
      for (const ground of [theme.ground, theme.glow]) assert.ok(contrast(hex(ink), hex(ground)) >= 4.5, `${ink} on ${ground}`);
    }
  }
});

test("players in a room have different colours, as long as there are enough", () => {
  const tints = new Tints();
  const given = Array.from({ length: 18 }, (_, i) => tints.of(`bot_0_${i}`));
  assert.equal(new Set(given).size, 18);
  const more = Array.from({ length: 18 }, (_, i) => tints.of(`more_${i}`));
  assert.equal(new Set(more).size, 18);
});

test("a player keeps its colour while others come and go, and the first has that of its id", () => {
  const tints = new Tints();
  assert.equal(tints.of("ann"), tint("ann"));
  const bea = tints.of("bea");
  for (let i = 0; i < 40; i++) tints.of(`p${i}`);
  for (let i = 0; i < 40; i++) tints.forget(`p${i}`);
  tints.forget("never here");
  assert.equal(tints.of("bea"), bea);
  const again = Array.from({ length: 16 }, (_, i) => tints.of(`q${i}`));
  assert.equal(new Set([...again, tints.of("ann"), bea]).size, 18);
});

test("a player has the hue that it has chosen in its data, as visible as all others", () => {
  for (const color of ["#ff0000", "#00ff00", "#0000ff", "#ffff00", "#E05252", "#010203", "#fefdff", "#808080", "#000000", "#ffffff"]) {
    const chosen = chosenTint({ color });
    assert.notEqual(chosen, null, color);
    for (const theme of [THEMES.dark, THEMES.light]) {
      const colour = playerColour(chosen, theme.dark).split(" ").map(Number);
      for (const ground of [theme.ground, theme.glow]) assert.ok(contrast(colour, hex(ground)) >= 3, color);
    }
  }
  for (let at = 0; at < 18; at++) {
    for (const dark of [true, false]) {
      const [r, g, b] = playerColour(at, dark).split(" ").map((value) => Number(value).toString(16).padStart(2, "0"));
      assert.ok(Math.abs(chosenTint({ color: `#${r}${g}${b}` }) - at) <= 0.25, `tint ${at}`);
    }
  }
  const [red, green, blue] = playerColour(chosenTint({ color: "#808080" }), true).split(" ").map(Number);
  assert.ok(Math.max(red, green, blue) - Math.min(red, green, blue) <= 2, "a grey stays grey");
});

test("a colour that is not valid is none", () => {
  for (const data of [undefined, {}, { color: 7 }, { color: null }, { color: "red" }, { color: "#fff" }, { color: "#gggggg" }, { color: ["#ff0000"] }]) {
    assert.equal(chosenTint(data), null);
  }
});

test("a player without a chosen colour gets one that no other player has chosen", () => {
  const tints = new Tints();
  const own = tints.of("ann");
  tints.forget("ann");
  const [r, g, b] = playerColour(own, true).split(" ").map((value) => Number(value).toString(16).padStart(2, "0"));
  const color = `#${r}${g}${b}`;
  assert.equal(Math.round(tints.of("bea", { color })), own);
  assert.notEqual(tints.of("ann"), own);
  tints.forget("ann");
  tints.of("bea", { color: "#808080" });
  assert.equal(tints.of("ann"), own, "bea has chosen another one");
});
