// The host's link: its fragment, "#CODE.secret", becomes a cookie, and leaves the address before anybody can read it there.
"use strict";
(async () => {
  const [code, secret] = location.hash.slice(1).split(".");
  history.replaceState(null, "", location.pathname);
  const said = document.getElementById("said");
  try {
    const answer = await fetch("host", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code: code || "", secret: secret || "" }),
    });
    if (answer.ok) location.replace("classroom");
    else said.textContent = (await answer.json()).error;
  } catch {
    said.textContent = "The server does not answer: open the link again in a moment.";
  }
})();
