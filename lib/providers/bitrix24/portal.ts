/** A portal and the way into it. The webhook's URL is the credential: it is kept where no log, error or JSON finds it. */
import { inspect } from 'node:util';
import { storableText } from '@conversure/jobqueue';

const HIDDEN = '[secret]';
/** Vendors explain themselves in a sentence or two; a page of HTML is no explanation. */
const MESSAGE_BYTES = 600;

export class Portal {
  /** Host and port: fit for messages, and what a portal is known by. */
  readonly host: string;
  /** Without TLS the secret would be readable on its way; a stand-in on this machine needs no certificate. */
  readonly isSafe: boolean;
  readonly #base: string;
  readonly #secrets: readonly string[];

  /** `https://{portal}/rest/{user}/{secret}`. What is no URL makes a portal that is not safe. */
  constructor(webhookUrl: string) {
    const url = URL.canParse(webhookUrl) ? new URL(webhookUrl) : null;
    this.host = url?.host || 'portal';
    this.#base = webhookUrl.replace(/\/+$/, '');
    const secret = url?.pathname.split('/')[3] ?? '';
    this.#secrets = [this.#base, secret, decoded(secret)].filter((one) => one !== '');
    const isHere = url !== null && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
    this.isSafe = url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isHere));
  }

  /** The method's URL. A secret: it grants everything that the webhook may do. */
  urlOf(method: string): string {
    return `${this.#base}/${method}`;
  }

  /** Words of the portal without the secret, fit for the database, and no longer than a message should be. */
  redact(words: string): string {
    return storableText(
      this.#secrets.reduce((text, secret) => text.replaceAll(secret, HIDDEN), words),
      MESSAGE_BYTES,
    );
  }

  toString(): string {
    return `${this.host} ${HIDDEN}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
