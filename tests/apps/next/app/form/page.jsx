import { cookies } from "next/headers";
import { redirect } from "next/navigation";

async function greet(form) {
  "use server";
  const name = form.get("name");
  if (name === "nobody") redirect("/");
  (await cookies()).set("name", name);
}

export default async function Page() {
  const name = (await cookies()).get("name")?.value;
  return (
    <form action={greet}>
      <p id="greeting">{name ? `Hello, ${name}` : "Who are you?"}</p>
      <input name="name" />
      <button>Say</button>
    </form>
  );
}
