/** A call that the portal refuses, with its code. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly resetAtMs: number | null;

  constructor(status: number, code: string, message: string, resetAtMs: number | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.resetAtMs = resetAtMs;
  }
}
