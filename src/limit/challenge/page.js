
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
  const send = (fields) =>
    fetch("/.usher/challenge", { method: "POST", body: new URLSearchParams(fields) }).then((answer) => (answer.ok ? leave() : failed()), failed);
  globalThis.passed = (token) => send({ "cf-turnstile-response": token });
  button.onclick = leave;
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
