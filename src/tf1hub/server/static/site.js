"use strict";

// Everything here is an addition: without it, forms are sent, links are followed, and all tabs are shown.

const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function setUpTheme() {
  const button = document.querySelector("button.theme");
  if (!button) return;
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* It holds for this page. */ }
    show();
  });
}

function setUpCopying(scope) {
  for (const button of scope.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        // No clipboard without TLS: what was marked is copied the old way.
        const range = document.createRange();
        range.selectNodeContents(button.parentElement.querySelector("code"));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}

function setUpTabs() {
  for (const group of document.querySelectorAll(".tabs")) {
    const panels = [...group.querySelectorAll(":scope > .tab")];
    if (panels.length < 2) continue;
    const list = document.createElement("div");
    list.className = "tablist";
    list.setAttribute("role", "tablist");
    const tabs = panels.map((panel) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.textContent = panel.dataset.label;
      tab.id = `${panel.id}-tab`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      list.append(tab);
      return tab;
    });
    const choose = (number, focus) => {
      tabs.forEach((tab, each) => {
        tab.setAttribute("aria-selected", String(each === number));
        tab.tabIndex = each === number ? 0 : -1;
        panels[each].hidden = each !== number;
      });
      if (focus) tabs[number].focus();
    };
    tabs.forEach((tab, number) => tab.addEventListener("click", () => choose(number, false)));
    list.addEventListener("keydown", (event) => {
      const now = tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
      const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      choose((next + tabs.length) % tabs.length, true);
    });
    group.prepend(list);
    group.classList.add("ready");
    choose(0, false);
  }
}

async function replaceFrom(url, ids, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ids) {
    const now = document.getElementById(id);
    const next = page.getElementById(id);
    if (now && next) now.replaceWith(next);
  }
}

function setUpSearch() {
  const form = document.querySelector("form[data-live]");
  if (!form) return;
  form.classList.add("live");
  const choices = () => form.querySelector("details.choose");
  // On a small screen what was found comes first.
  if (matchMedia("(max-width: 52rem)").matches) choices().open = false;
  let wait = 0;
  let running = new AbortController();
  const search = async () => {
    running.abort();
    running = new AbortController();
    const words = new URLSearchParams(new FormData(form));
    if (!words.get("q")) words.delete("q");
    const url = `${form.action}${words.size ? `?${words}` : ""}`;
    const focused = document.activeElement;
    const choice = focused && focused.type === "checkbox" ? [focused.name, focused.value] : null;
    const isOpen = choices().open;
    try {
      await replaceFrom(url, ["facets", "results"], running.signal);
      choices().open = isOpen;
      history.replaceState(null, "", url);
      if (choice) {
        const again = [...form.querySelectorAll("input[type=checkbox]")];
        again.find((box) => box.name === choice[0] && box.value === choice[1])?.focus();
      }
    } catch (error) {
      if (error.name !== "AbortError") location.assign(url);
    }
  };
  form.addEventListener("input", (event) => {
    clearTimeout(wait);
    wait = setTimeout(search, event.target.type === "search" ? 150 : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(wait);
    search();
  });
}

function setUpVersions() {
  for (const choice of document.querySelectorAll("select[data-go]")) {
    choice.form.classList.add("live");
    choice.addEventListener("change", () => location.assign(choice.dataset.go + choice.value));
  }
}

function setUpPicture() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("[data-picture] a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const holder = link.closest("[data-picture]");
    const name = link.getAttribute("aria-label").replace(/^(Open|Close) /, "").split(",")[0];
    const url = new URL(link.getAttribute("href"), location.href);
    const before = link.getBoundingClientRect();
    try {
      await replaceFrom(url, [holder.id]);
    } catch {
      location.assign(url);
      return;
    }
    history.pushState(null, "", url);
    // The scope stays where it was on the screen, and keeps the focus.
    const next = document.getElementById(holder.id);
    const same = [...next.querySelectorAll("a")].find(
      (each) => each.getAttribute("aria-label").replace(/^(Open|Close) /, "").split(",")[0] === name);
    if (!same) return;
    same.focus({ preventScroll: true });
    const after = same.getBoundingClientRect();
    next.scrollBy(after.left - before.left, 0);
    scrollBy(0, after.top - before.top);
  });
  if (document.querySelector("[data-picture]")) addEventListener("popstate", () => location.reload());
}

setUpTheme();
setUpCopying(document);
setUpTabs();
setUpSearch();
setUpVersions();
setUpPicture();
