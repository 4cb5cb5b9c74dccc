/** Meta's identification of a person: the number, a business-scoped user id beside it, or only the id if people show a username instead. */
import { randomBytes } from 'node:crypto';

interface Person {
  readonly userId: string;
  readonly username: string | null;
  /** Meta leaves the number out of its webhooks. */
  readonly isHidden: boolean;
}

export class People {
  readonly #people = new Map<string, Person>();

  /** The person with this number, without plus, gets an id, and perhaps a username that hides the number. Answers the id. */
  identify(digits: string, { username = null, isHidden = username !== null, userId }: Partial<Person> = {}): string {
    const id = userId ?? this.#people.get(digits)?.userId ?? `AE.${randomBytes(8).readBigUInt64BE()}`;
    this.#people.set(digits, { userId: id, username, isHidden });
    return id;
  }

  userIdOf(digits: string): string | null {
    return this.#people.get(digits)?.userId ?? null;
  }

  digitsOf(userId: string): string | null {
    return [...this.#people].find(([, person]) => person.userId === userId)?.[0] ?? null;
  }

  /** `from` and `from_user_id` of what the person writes; with other names where another webhook names people. */
  named(digits: string, number = 'from', id = 'from_user_id'): Record<string, string> {
    const person = this.#people.get(digits);
    if (person === undefined) return { [number]: digits };
    return { ...(!person.isHidden && { [number]: digits }), [id]: person.userId };
  }

  contact(digits: string): object {
    const person = this.#people.get(digits);
    const profile = { name: `Person ${digits.slice(-4)}`, ...(person?.username && { username: person.username }) };
    return { profile, ...this.named(digits, 'wa_id', 'user_id') };
  }
}
