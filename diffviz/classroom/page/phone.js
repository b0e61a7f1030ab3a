// A phone in a classroom. Everything on screen is drawn from what the server last said; the only thing of the phone's own
// is a vote that is not acknowledged yet, which is kept over a reload and sent until it is.
"use strict";

const at = (id) => document.getElementById(id);
const code = location.pathname.split("/").pop();
const base = `${encodeURIComponent(decodeURIComponent(code))}/`;
const PENDING = `diffviz-vote-${code}`;
const PHASES = {
  "vote 1": "Vote on your own first.",
  discuss: "Discuss it with your neighbour: convince each other.",
  "vote 2": "Vote again.",
  reveal: "The answer.",
};
const BY_EYE = "Choose alone, by what you see.";
const OWN_PHASES = { text: "Answer in your own words.", pairs: BY_EYE, tell: BY_EYE };

let room = null; // the state that the server last sent
let mine = null; // who this phone is, and what it has voted for: {number, seed, nickname, votes: {"12/1": answer}}
let ahead = 0; // seconds by which the server's clock is ahead of this one
let pending = null; // a vote that is not acknowledged yet
let sending = false;
let drawn = ""; // what the form was drawn for, so that it is not drawn again under somebody's fingers

// --- small helpers ---------------------------------------------------------------------------------------------------

function make(tag, more, ...children) {
  const made = Object.assign(document.createElement(tag), more);
  made.append(...children);
  return made;
}

function say(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

const letter = (i) => "ABCDEFGHIJKL"[i];

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

function keep(value) {
  pending = value;
  try {
    if (value) localStorage.setItem(PENDING, JSON.stringify(value));
    else localStorage.removeItem(PENDING);
  } catch { /* a browser that keeps nothing: until the next reload */ }
}

function recall() {
  try { return JSON.parse(localStorage.getItem(PENDING)); } catch { return null; }
}

function token() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// The answer to a POST as {ok, status, retry, ...JSON}; a network that fails is status 0.
async function post(what, body) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 8000);
  try {
    const answer = await fetch(base + what, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: stop.signal,
    });
    const told = await answer.json();
    return { ...told, ok: answer.ok, status: answer.status, retry: Number(answer.headers.get("Retry-After")) };
  } catch {
    return { ok: false, status: 0 };
  } finally {
    clearTimeout(timer);
  }
}

const isPassing = (answer) => answer.status === 0 || answer.status === 429 || answer.status >= 500;

// --- joining and listening -------------------------------------------------------------------------------------------

async function join() {
  for (let tries = 0; ; tries++) {
    const answer = await post("join", {});
    if (answer.ok) {
      mine = answer.mine;
      say("connection", "");
      return true;
    }
    if (!isPassing(answer)) {
      say("connection", "");
      at("prompt").textContent = answer.error;
      return false;
    }
    say("connection", answer.error || "No connection: trying again …");
    await wait(answer.retry || Math.min(10, 1 + tries) * (0.5 + Math.random()));
  }
}

function listen() {
  const events = new EventSource(`${base}events`);
  events.addEventListener("mine", (event) => {
    mine = JSON.parse(event.data);
  });
  events.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    ahead = told.now - Date.now() / 1000;
    room = told.state;
    say("connection", "");
    if (room.gone) events.close(); // nothing more comes
    draw();
    send();
  });
  events.addEventListener("error", async () => {
    say("connection", "No connection: trying again …");
    if (events.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
    events.close();
    await wait(1 + 2 * Math.random());
    if (await join()) listen();
  });
}

// --- voting ----------------------------------------------------------------------------------------------------------

function vote(answer) {
  const { id, round } = room.activity;
  keep({ activity: id, round, id: token(), answer });
  send();
}

// Sends the vote until it is acknowledged or refused.
async function send() {
  if (sending || !pending) return;
  sending = true;
  for (let tries = 0; pending; tries++) {
    const now = pending;
    say("said", tries ? "Not sent yet: trying again …" : "Sending …");
    const answer = await post("vote", now);
    if (pending !== now) continue; // changed meanwhile: the newer vote goes out
    if (answer.ok) {
      mine.votes[`${now.activity}/${now.round}`] = now.answer;
      keep(null);
      say("said", "Your vote is counted.");
    } else if (!isPassing(answer)) {
      keep(null);
      drawn = ""; // the form shows again what counts
      draw();
      say("said", answer.error);
    } else {
      if (answer.error) say("said", answer.error);
      await wait(answer.retry || Math.min(8, 1 + tries) * (0.5 + Math.random()));
    }
  }
  sending = false;
}

// What this phone has answered in a round, sent or being sent.
function answered(activity, round) {
  if (pending && pending.activity === activity.id && pending.round === round) return pending.answer;
  return mine.votes[`${activity.id}/${round}`];
}

// --- drawing ---------------------------------------------------------------------------------------------------------

function draw() {
  if (!room || !mine) return;
  const { activity } = room;
  say("who", mine.nickname || `No. ${mine.number}`);
  at("lost").setAttribute("aria-pressed", String(mine.lost));
  at("lost").hidden = at("seed").hidden = !room.open;
  at("name").hidden = !room.open || !room.nicknames;
  if (at("seed").childElementCount === 0) {
    at("seed").append("Your own seed: ", make("a", { href: `../reverse?seed=${mine.seed}`, textContent: String(mine.seed) }));
  }
  drawFollow();
  if (!room.open || !activity) {
    for (const id of ["setting", "phase", "said"]) say(id, "");
    for (const id of ["images", "vote", "result", "answer"]) at(id).replaceChildren();
    drawn = "";
    const title = room.gone ? "This room was erased." : room.open ? "You are in. The first question comes soon." : "This class has ended. Thank you!";
    say("prompt", title);
    return;
  }
  const now = `${activity.id} ${activity.phase}`;
  if (drawn.split("|")[0] !== `${activity.id}`) {
    say("prompt", activity.prompt);
    say("setting", activity.setting);
    drawImages(activity);
    if (drawn && !at("name").contains(document.activeElement)) at("prompt").focus();
  }
  if (drawn !== `${activity.id}|${now}`) {
    if (drawn && !pending) say("said", "");
    drawForm(activity);
    drawn = `${activity.id}|${now}`;
  }
  drawPhase();
  drawResult(activity);
  drawAnswer(activity);
}

function drawPhase() {
  const activity = room && room.activity;
  if (!activity || !room.open) return;
  const left = activity.until && Math.max(0, Math.round(activity.until - Date.now() / 1000 - ahead));
  const clock = left ? ` ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left` : "";
  // Only the words are said aloud: the seconds stand beside them.
  say("phase", ((activity.phase === "vote 1" && OWN_PHASES[activity.kind]) || PHASES[activity.phase]) + clock);
  at("phase").setAttribute("aria-live", clock ? "off" : "polite");
}

function drawFollow() {
  const { follow } = room;
  at("follow").replaceChildren(
    ...(follow ? [make("a", { href: follow.href, target: "_blank", rel: "noopener", textContent: `Open on this phone: ${follow.label}` })] : []),
  );
}

function drawImages(activity) {
  at("images").replaceChildren(
    ...(activity.compared ? [] : activity.images).map((title, place) =>
      make("figure", {}, make("img", { src: `${base}images/${activity.id}/${place}`, alt: title }), make("figcaption", { textContent: title }))),
  );
}

const FORMS = { pairs: pairsForm, tell: pairsForm, choice: choiceForm, order: orderForm, number: numberForm, text: textForm };

function drawForm(activity) {
  const form = at("vote");
  form.replaceChildren();
  form.onsubmit = (event) => event.preventDefault();
  if (!activity.round) return;
  const given = answered(activity, activity.round);
  const button = make("button", { className: "main", textContent: given === undefined ? "Vote" : "Change my vote" });
  const read = FORMS[activity.kind](form, activity, given);
  if (!read) return; // it votes by itself
  form.append(button);
  form.onsubmit = (event) => {
    event.preventDefault();
    const answer = read();
    if (answer === null) return say("said", "Choose or write an answer first.");
    if (Number.isNaN(answer)) return say("said", "Write a plain number, such as 1000 or -0.5: thousands without a comma.");
    vote(answer);
    button.textContent = "Change my vote";
  };
}

// Each form fills in what was given, and returns a function that reads the answer, null for none, or NaN for what is no number.
function choiceForm(form, activity, given) {
  const options = activity.options.map((text, i) => {
    const input = make("input", { type: "radio", name: "option", value: String(i), checked: given === i });
    return make("label", { className: "option" }, input, make("span", {}, make("b", { textContent: letter(i) }), ` ${text}`));
  });
  form.append(make("fieldset", {}, make("legend", { textContent: "Your vote" }), ...options));
  return () => {
    const picked = form.querySelector("input:checked");
    return picked ? Number(picked.value) : null;
  };
}

function orderForm(form, activity, given) {
  let order = given ? [...given] : [];
  const list = make("fieldset");
  const show = () => {
    const stages = activity.options.map((text, i) => {
      const place = order.indexOf(i);
      const label = place < 0 ? text : `${place + 1}. ${text}`;
      return make("button", { type: "button", textContent: label, disabled: place >= 0, onclick: () => { order.push(i); press(); } });
    });
    const again = make("button", { type: "button", textContent: "Begin again", onclick: () => { order = []; press(); } });
    list.replaceChildren(make("legend", { textContent: "Press the stages in their order, first to last" }), ...stages, again);
  };
  const press = () => { // the keyboard goes on at the next stage, and after the last at the vote
    show();
    (list.querySelector("button:enabled:not(:last-child)") || form.querySelector(".main")).focus();
  };
  show();
  form.append(list);
  return () => (order.length === activity.options.length ? order : null);
}

// Two images at a time, in an order and on sides of this phone's own; each press sends all that was chosen so far.
function pairsForm(form, activity, given) {
  const done = given || [];
  const n = activity.compared;
  const random = randomFrom(mine.seed * 1000003 + activity.id);
  const pairs = [];
  const add = (set, a, b) => pairs.push(random() < 0.5 ? [set, a, b] : [set, b, a]);
  const sets = activity.images.length / n;
  if (activity.kind === "tell") { // each level twice beside the last, in sets that change with the level and the phone
    for (let a = 0; a < n - 1; a++) for (const more of [0, sets >> 1]) add((mine.number + a + more) % sets, n - 1, a);
  } else {
    for (let set = 0; set < sets; set++) for (let a = 0; a < n; a++) for (let b = 0; b < a; b++) add(set, a, b);
  }
  for (let i = pairs.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [pairs[i], pairs[j]] = [pairs[j], pairs[i]];
  }
  const isDone = ([set, a, b]) => done.some(([s, c, d]) => s === set && ((a === c && b === d) || (a === d && b === c)));
  const now = pairs.find((pair) => !isDone(pair));
  const which = activity.kind === "tell" ? activity.images[now ? now[0] * n : 0] : "Which is better?";
  const legend = now ? `${which} Pair ${done.length + 1} of ${pairs.length}` : "You have compared them all. Thank you!";
  const list = make("fieldset", { className: "pair" }, make("legend", { textContent: legend }));
  const image = (option, other, alt) => {
    const src = `${base}images/${activity.id}/${now[0] * n + option}`;
    const choose = () => {
      vote([...done, [now[0], option, other]]);
      drawForm(activity);
      (form.querySelector("button") || at("prompt")).focus(); // the keyboard goes on at the next pair
    };
    return make("button", { type: "button", onclick: choose }, make("img", { src, alt }));
  };
  if (now) list.append(image(now[1], now[2], "the left image"), image(now[2], now[1], "the right image"));
  form.replaceChildren(list);
}

// Numbers from 0 to 1 from a seed (mulberry32).
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// The keyboard is that of letters: an iPhone's for decimals has no minus.
function numberForm(form, activity, given) {
  const input = make("input", { id: "number", inputMode: "text", autocomplete: "off", value: given === undefined ? "" : String(given) });
  form.append(make("label", { htmlFor: "number", textContent: `Your number${activity.unit ? ` (${activity.unit})` : ""}` }), make("br"), input);
  return () => {
    const typed = input.value.trim().replace("\u2212", "-");
    if (typed === "") return null;
    // "1,000" may be one or a thousand: refused. "0,125" has but one meaning.
    const plain = /^[+-]?(\d+[.,]?\d*|[.,]\d+)$/.test(typed) && !/^[+-]?[1-9]\d{0,2}(,\d{3})+$/.test(typed);
    const number = plain ? Number(typed.replace(",", ".")) : NaN;
    return Number.isFinite(number) ? number : NaN;
  };
}

function textForm(form, activity, given) {
  const input = make("textarea", { id: "text", rows: 4, maxLength: 200, value: given || "" });
  form.append(make("label", { htmlFor: "text", textContent: "Your answer, at most 200 characters" }), input);
  return () => input.value.trim() || null;
}

function drawResult(activity) {
  const place = at("result");
  const { result } = activity;
  if (!result) return place.replaceChildren();
  const most = Math.max(1, ...(result.counts || []));
  const people = make("p", { textContent: `${result.people} ${result.people === 1 ? "person has" : "people have"} voted.` });
  const rows = (result.counts || []).map((count, i) => {
    const bar = make("span", { className: "bar" });
    bar.style.width = `${(100 * count) / most}%`;
    return make("li", {}, `${letter(i)} ${activity.options[i]}: `, make("b", { textContent: String(count) }), bar);
  });
  const texts = (result.texts || []).map((text) => make("li", { textContent: text }));
  const numbers = result.numbers && result.numbers.length ? [make("p", { textContent: `Median: ${median(result.numbers)} ${activity.unit}` })] : [];
  const preferred = (result.preferred || []).map((share, i) => {
    const bar = make("span", { className: "bar" });
    bar.style.width = `${100 * share}%`;
    return make("li", {}, `${activity.options[i]}: `, make("b", { textContent: `${Math.round(100 * share)} %` }), bar);
  });
  if (preferred.length) people.append(" How often each would be preferred to an average one of these:");
  if (result.told) people.append(...toldApart(activity, result.told));
  place.replaceChildren(people, ...numbers, make("ul", {}, ...rows, ...texts, ...preferred));
}

// Up to where the class told two images apart, and how often this phone was right.
function toldApart(activity, [threshold, low, high]) {
  const unit = activity.options[0].replace(/^[\d.]+ /, "").replace(/s?$/, "s");
  const at = (x) => (x < 10 ? x.toFixed(1) : x.toFixed(0));
  // As the wall says it. An end is null where it is outside of what was asked, both with too few people for an interval.
  const ends = `${low === null ? "below what was asked" : at(low)} to ${high === null ? "beyond what was asked" : at(high)}`;
  const span = low !== high ? ` (95 % interval ${ends})` : low === null ? "" : " (all alike: no interval)";
  const own = mine.votes[`${activity.id}/1`] || [];
  const right = own.filter(([, chosen]) => chosen === activity.options.length - 1).length;
  return [
    threshold ? ` The class saw a difference up to about ${at(threshold)} ${unit}${span}.` : " The class has no threshold within what was asked.",
    own.length ? ` You were right ${right} ${right === 1 ? "time" : "times"} of ${own.length}; guessing gives half.` : "",
  ];
}

function median(sorted) {
  const half = sorted.length >> 1;
  const middle = sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return Number(middle.toPrecision(12)); // 0.15, not 0.15000000000000002
}

function drawAnswer(activity) {
  const place = at("answer");
  if (activity.phase !== "reveal") return place.replaceChildren();
  const parts = [];
  const given = mine.votes[`${activity.id}/2`] ?? mine.votes[`${activity.id}/1`];
  if (activity.kind === "choice" && activity.right !== null) {
    parts.push(make("ul", {}, ...activity.options.map((text, i) => {
      const right = i === activity.right;
      return make("li", { className: right ? "right" : "wrong" }, make("b", { textContent: `${letter(i)} ${text}: ${right ? "right" : "not this"}${i === given ? ", your vote" : ""}. ` }), activity.why[i]);
    })));
  } else if (activity.kind === "order" && activity.right) {
    parts.push(make("ol", {}, ...activity.right.map((i) => make("li", {}, `${activity.options[i]}. `, make("span", { className: "small", textContent: activity.why[i] })))));
  } else if (activity.right !== null) {
    parts.push(make("p", { className: "right", textContent: `${activity.right} ${activity.unit}` }));
  }
  const notes = activity.compared ? [] : activity.notes.map((note, i) => [activity.images[i], note]).filter(([, note]) => note);
  if (notes.length) parts.push(make("ul", {}, ...notes.map(([title, note]) => make("li", { textContent: `${title}: ${note}` }))));
  if (activity.explanation) parts.push(make("p", { textContent: activity.explanation }));
  if (activity.points.length) parts.push(make("ul", {}, ...activity.points.map((point) => make("li", { className: "right", textContent: point }))));
  if (activity.demo) parts.push(make("a", { href: activity.demo.href, target: "_blank", rel: "noopener", textContent: `See it run: ${activity.demo.label}` }));
  place.replaceChildren(...parts);
}

// --- the footer ------------------------------------------------------------------------------------------------------

at("lost").addEventListener("click", async () => {
  const lost = at("lost").getAttribute("aria-pressed") !== "true";
  const answer = await post("lost", { lost });
  if (answer.ok) {
    mine.lost = lost;
    draw();
  } else say("said", answer.error || "No connection: press it again in a moment.");
});

at("name").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await post("nickname", { nickname: at("nickname").value });
  if (answer.ok) {
    mine.nickname = answer.nickname;
    draw();
  } else say("said", answer.error || "No connection: set it again in a moment.");
});

// --- begin -----------------------------------------------------------------------------------------------------------

setInterval(drawPhase, 1000);
pending = recall();
join().then((joined) => { if (joined) listen(); });
