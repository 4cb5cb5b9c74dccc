/** Development on one machine: the app's process, the cron's ticks, and an orderly end. */

export { type App, type Command, startApp, untilAnswers } from './app-process.ts';
export { listenForStop, type StopSignals } from './stop-signals.ts';
export { type Supervision, supervise } from './supervisor.ts';
export { readSchedules, startTicker, type Ticker, type TickerOptions, type TickerSchedule } from './ticker.ts';
