/** Loaded before a function: leads what it sends to Neon's hosts, by HTTP and by WebSocket, to the stand-in of `NEON_STAND_IN`. */
const standIn = new URL(process.env.NEON_STAND_IN);
const { fetch, WebSocket } = globalThis;

globalThis.fetch = (input, init) => fetch(isNeon(input) ? redirected(input, standIn.protocol) : input, init);
globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(isNeon(url) ? redirected(url, 'ws:') : url, protocols);
  }
};

function isNeon(address) {
  return URL.canParse(address) && new URL(address).hostname.endsWith('.neon.tech');
}

function redirected(address, protocol) {
  const url = new URL(address);
  url.protocol = protocol;
  url.host = standIn.host;
  return url.href;
}
