
{
  const main = document.querySelector("main"), button = document.querySelector("button");
  // Without JavaScript it says that this is missing.
  const say = (text) => (document.querySelector("[role=status]").textContent = text);
  say(main.dataset.text);
  const leave = () => (main.dataset.back ? location.replace(main.dataset.back) : location.reload());
  globalThis.failed = () => {
    say(main.dataset.failed);
    for (const busy of document.querySelectorAll("progress,.cf-turnstile")) busy.hidden = true;
    button.hidden = false;
    button.focus();
  };
  // What does not help three times within a minute is not tried again: the address or the cookie may change each time.
  const again = () => {
    const [since, count] = (sessionStorage.getItem("usher-challenge") ?? "0 0").split(" ").map(Number);
    const next = Date.now() - since < 60_000 ? [since, count + 1] : [Date.now(), 1];
    sessionStorage.setItem("usher-challenge", next.join(" "));
    return next[1] <= 3;
  };
  const send = (fields) =>
    fetch("/.usher/challenge", { method: "POST", body: new URLSearchParams(fields) }).then((answer) => (answer.ok && again() ? leave() : failed()), failed);
  globalThis.passed = (token) => send({ "cf-turnstile-response": token });
  button.onclick = leave;
  document.querySelector("script[src]")?.addEventListener("error", failed);
  const progress = document.querySelector("progress");
  if (!navigator.cookieEnabled) failed();
  else if (progress) {
    const { puzzle, prefix, zeros } = progress.dataset;
    try {
      const worker = new Worker(URL.createObjectURL(new Blob([document.getElementById("worker").textContent], { type: "text/javascript" })));
      worker.onerror = failed;
      worker.onmessage = ({ data }) => {
        progress.value = data.length;
        if (data.length === progress.max) send({ puzzle, solution: data.join() });
      };
      worker.postMessage([prefix, Number(zeros), progress.max]);
    } catch {
      failed();
    }
  }
}
