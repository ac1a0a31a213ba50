"use strict";

function element(id) {
  return document.getElementById(id);
}

function text(id, content) {
  element(id).textContent = content;
}

// A number for people to read; null stands for NaN and the infinities, which JSON does not have.
function number(value) {
  return value === null ? "not finite" : value.toLocaleString("en", { maximumFractionDigits: 3 });
}

// A colour of the present theme.
function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function onThemeChange(listener) {
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", listener);
}

// A canvas that is not part of the page.
function scratchCanvas(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}
