import Image from "next/image";
import Link from "next/link";

export default function Page() {
  return (
    <main>
      <h1>A page</h1>
      <Image src="/door.png" alt="A door" width={64} height={64} />
      <Link href="/form">The form</Link>
    </main>
  );
}
