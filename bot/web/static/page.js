// What HTML and htmx do not do by themselves: one event stream while the page is seen, keys, and care for the hand that
// has just pressed a button whose place another one takes.
(() => {
  "use strict";
  const body = document.body;
  const PAUSE = 400; // milliseconds after a card went in which no other card's button counts
  const PATIENCE = 4000; // milliseconds without a stream after which the server is said to be gone
  let source = null;
  let doubting = 0;
  let settledAt = -PAUSE;
  let acted = null; // the card whose button was pressed last

  // --- the stream: named topics, no text. A browser opens six connections at most, so a page that is not seen has none.
  const listen = () => {
    if (source || document.hidden) return;
    source = new EventSource("/stream");
    source.onopen = () => lost(false);
    source.onmessage = (event) => event.data.split(" ").forEach((topic) => htmx.trigger(body, `changed-${topic}`));
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) lost(true);
      else if (!doubting) doubting = setTimeout(() => lost(true), PATIENCE);
    };
  };
  const silence = () => {
    if (source) source.close();
    source = null;
    clearTimeout(doubting);
    doubting = 0;
  };
  const lost = (isLost) => {
    clearTimeout(doubting);
    doubting = 0;
    document.getElementById("lost").hidden = !isLost;
  };
  // Nobody answers, or one who does not know this page: the card stays as it is, and whoever pressed is told.
  body.addEventListener("htmx:sendError", () => lost(true));
  body.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.xhr.status < 400) lost(false);
  });
  body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 403) lost(true);
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? silence() : listen()));
  window.addEventListener("pagehide", silence);
  window.addEventListener("pageshow", listen);
  listen();

  // The tab tells how many wait, whatever room it shows.
  const title = document.title;
  const tellWaiting = () => {
    const count = document.getElementById("count");
    document.title = count && !count.hidden ? `(${count.dataset.waiting}) ${title}` : title;
  };
  body.addEventListener("htmx:afterSwap", tellWaiting);
  body.addEventListener("htmx:oobAfterSwap", tellWaiting);
  tellWaiting();

  // What was refused is old as soon as something else is tried.
  body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("button, form")) document.getElementById("notes").replaceChildren();
  });

  // --- cards
  const cards = () => [...document.querySelectorAll("#cards > .card")];
  const current = () => document.querySelector("#cards > .card.current");
  const choose = (card, focus = true) => {
    const before = current();
    if (before && before !== card) before.classList.remove("current");
    if (!card) return;
    card.classList.add("current");
    if (focus) card.focus({ preventScroll: true });
    if (focus) card.scrollIntoView({ block: "nearest" });
  };
  const move = (by) => {
    const all = cards();
    const at = all.indexOf(current());
    choose(all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))]);
  };
  const after = (place) => cards().find((card) => place.compareDocumentPosition(card) & Node.DOCUMENT_POSITION_FOLLOWING);

  body.addEventListener("focusin", (event) => {
    const card = event.target.closest && event.target.closest("#cards > .card");
    if (card && card !== current()) choose(card, false);
  });

  body.addEventListener("htmx:beforeRequest", (event) => {
    const card = event.detail.elt.closest && event.detail.elt.closest("#cards > .card");
    if (card) acted = card.id;
  });

  body.addEventListener("htmx:load", (event) => {
    const now = event.detail.elt;
    if (!now.parentElement || now.parentElement.id !== "cards") return;
    if (now.classList.contains("line")) settledAt = performance.now();
    if (now.id !== acted) return;
    acted = null;
    if (now.classList.contains("card")) choose(now, !now.querySelector("[autofocus]"));
    else choose(after(now) || cards()[0]);
  });

  // A second press of an impatient finger would meet the next card's button.
  body.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest(".card > .acts button");
    if (button && performance.now() - settledAt < PAUSE) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);

  // Words that are being written are never taken away: the card says that it is too late, and keeps them.
  body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const form = event.detail.target && event.detail.target.querySelector && event.detail.target.querySelector("form.edit");
    if (!form) return;
    event.detail.shouldSwap = false;
    form.querySelector(".late").hidden = false;
    form.querySelector("[type=submit]").disabled = true;
  });

  // A list is not drawn anew under a hand that is at work in it, not by an answer that was on its way before either; it
  // is drawn when the hand has gone.
  const AGAIN = 500; // milliseconds until the next try
  let trying = 0;
  const notUnderAHand = (event) => {
    const list = event.detail.requestConfig.elt.id === "again" && document.getElementById("rows");
    if (!list || !list.querySelector("[data-keep], .htmx-request")) return;
    event.preventDefault();
    clearTimeout(trying);
    trying = setTimeout(() => htmx.trigger(body, "changed-chats"), AGAIN);
  };
  document.addEventListener("htmx:beforeRequest", notUnderAHand);
  document.addEventListener("htmx:beforeSwap", notUnderAHand);

  // Nor is the log folded up again by an answer that knows of less than is unfolded by now.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt, formData } = event.detail.requestConfig;
    if (elt.id !== "log" || !event.detail.xhr.response) return;
    const known = formData.getAll("shown").length === elt.querySelectorAll("[name=shown]").length;
    if (known && !elt.querySelector(".htmx-request")) return;
    event.preventDefault();
    setTimeout(() => htmx.trigger(body, "changed-log"), AGAIN);
  });

  // A choice that leads to another page, such as whom to write as. An arrow key passes each name on its way to another, so
  // by keys it is made with Enter, or by going on.
  let byKey = false;
  const leads = (event) => event.target.dataset && event.target.dataset.go;
  const follow = (list) => {
    if (!list.selectedOptions[0].defaultSelected) window.location.assign(list.dataset.go + encodeURIComponent(list.value));
  };
  document.addEventListener("pointerdown", () => (byKey = false));
  document.addEventListener("change", (event) => leads(event) && !byKey && follow(event.target));
  document.addEventListener("focusout", (event) => leads(event) && byKey && follow(event.target));
  document.addEventListener("keydown", (event) => {
    if (!leads(event)) return;
    byKey = true;
    if (event.key === "Enter") follow(event.target);
  });

  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest && event.target.closest("textarea, input, select");
    if (writing) {
      const form = event.target.closest("form");
      const sends = event.ctrlKey || event.metaKey || (event.target.hasAttribute("data-send") && !event.shiftKey && !event.isComposing);
      if (event.key === "Enter" && sends && form) {
        event.preventDefault();
        form.requestSubmit();
      }
      else if (event.key === "Escape" && form && form.querySelector("[data-key=Escape]")) form.querySelector("[data-key=Escape]").click();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "j" || event.key === "k") {
      if (!cards().length) return;
      event.preventDefault();
      move(event.key === "j" ? 1 : -1);
      return;
    }
    const searched = event.key === "/" && document.querySelector('[data-focus="/"]');
    if (searched) {
      event.preventDefault();
      searched.focus();
      return;
    }
    const within = current() || document.querySelector("[data-keys]");
    const button = within && within.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (button && !button.disabled && event.target !== button) {
      event.preventDefault();
      button.click();
    }
  });
})();
