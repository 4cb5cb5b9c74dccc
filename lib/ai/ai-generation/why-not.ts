/** Reasons not to draft a reply, before a model is asked. Pure. */
import type { Quiet } from './generation.ts';
import type { Settings, Turn } from './turn.ts';

/** `null`: go on, under these settings. In order: what ends the matter for good stands first. */
export function whyNot(turn: Turn): Quiet | { readonly settings: Settings } {
  const { settings, conversation } = turn;
  const skipped = (reason: string): Quiet => ({ status: 'skipped', reason });
  if (turn.optedOut) return skipped('opted_out');
  if (turn.superseded) return { status: 'superseded', reason: 'the customer wrote again' };
  if (turn.answered) return skipped('answered');
  if (conversation.status !== 'active') return skipped('conversation_closed');
  if (conversation.humanTookOver) return skipped('human_took_over');
  if (settings === null || !settings.enabled || !conversation.aiEnabled) return skipped('ai_off');
  if (!turn.windowOpen) return skipped('window_closed');
  if ((turn.lines.at(-1)?.body ?? '').trim() === '') return skipped('no_text');
  return { settings };
}

/** Counts the automatic replies since a person on our side last wrote or approved one. */
export function repliesInARow({ lines }: Pick<Turn, 'lines'>): number {
  const since = lines.findLastIndex(
    ({ author, generation }) => author === 'person' || generation === 'approved' || generation === 'edited',
  );
  return lines.slice(since + 1).filter(({ generation }) => generation === 'auto_sent').length;
}
