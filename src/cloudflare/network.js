// What Cloudflare knows of a request's connection.

/** A property of the request's `cf` by its path, as text; undefined when it is not there. */
export function network(request, path) {
  let value = request.cf;
  for (const name of path.split(".")) value = value?.[name];
  return value === undefined || value === null ? undefined : String(value);
}
