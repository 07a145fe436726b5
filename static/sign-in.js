// Brings the visitor back to where they wanted to go; Usher accepts only paths on this host.
const back = new URLSearchParams(location.search).get("return_to");
if (back) document.querySelector("[name=return_to]").value = back;
