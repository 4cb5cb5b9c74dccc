/** Names the connections, and describes one that is paused. */
export const PROVIDERS = ['whatsapp', 'bitrix24', 'ai'] as const;
export type Provider = (typeof PROVIDERS)[number];

export interface Connection {
  readonly companyId: string;
  readonly provider: Provider;
}

/** Why an operator has to act; `code` is the vendor's. Neither may hold a secret. */
export interface Pause {
  readonly code: string;
  readonly reason: string;
}
