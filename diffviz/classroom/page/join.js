// The box for the code: on to the room's own address, which lies beside this one.
"use strict";
document.getElementById("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = document.getElementById("code").value.toUpperCase().replace(/[^0-9A-Z]/g, "");
  if (code) location.assign(encodeURIComponent(code));
});
