// The floor of a cold start: a worker that does nothing.
export default {
  fetch: () => new Response(null, { status: 401 }),
};
