/** Code of a fresh app's developer: a table, a server action that enqueues in a drizzle transaction, and its form. */

/** Made by the app's own migrations, which are not ours to test. */
export const ORDERS = 'create table orders (id serial primary key, name text not null)';

/** Path below the router's folder → text. `home` is the alias of the app's code. */
export const ORDER_FILES = {
  'enqueue/actions.ts': `"use server";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { queue } from "@/jobqueue/queue";

const db = drizzle(process.env.DATABASE_URL!);

export async function order(form: FormData) {
  const name = String(form.get("name"));
  await db
    .transaction(async (tx) => {
      await tx.execute(sql\`insert into orders (name) values (\${name})\`);
      await queue.addJob("hello", { name }, { transaction: tx });
      if (name === "nobody") throw new Error("rolled back");
    })
    .catch((error) => console.error(error));
  if (name === "kick") queue.kick();
}
`,
  'enqueue/page.tsx': `import { order } from "./actions";

export default function Page() {
  return (
    <form action={order}>
      <input name="name" />
      <button>Order</button>
    </form>
  );
}
`,
} as const;
