/** The words by which people stop messages. A word counts as the whole message and never as a part: «please do not stop» is none. */

/**
 * The words of `text` without what people add to a word: case, accents, Arabic vowel marks and letter forms, tatweel, digits,
 * punctuation, emoji and invisible characters. Marks of other scripts stay, because they are vowels there. A repeated word counts once.
 */
export function normalised(text: string): string {
  const words = text
    .normalize('NFKD')
    .replace(/\p{Cf}/gu, '')
    .replace(/(?=[\p{Script=Inherited}\p{Script=Arabic}\p{Script=Hebrew}])\p{M}/gu, '')
    .replace(/ـ/g, '')
    .replace(/[ىی]/g, 'ي')
    .replace(/ک/g, 'ك')
    .replace(/ة/g, 'ه')
    .toLowerCase()
    .replace(/['’ʼ]/g, '')
    .split(/[^\p{L}\p{M}]+/u)
    .filter((word) => word !== '');
  return words.filter((word, n) => word !== words[n - 1]).join(' ');
}

export function isKeyword(text: string, keywords: readonly string[]): boolean {
  const said = normalised(text);
  return said !== '' && keywords.some((keyword) => normalised(keyword) === said);
}

/** The words of a person: typed, or chosen from the buttons of a message, where `id` is what the button was given to send. */
export interface Said {
  readonly text: string | null;
  readonly chosenId: string | null;
  readonly isChoice: boolean;
}

/**
 * True if the message asks to be left alone: by a word of ours, by one of the company's, or by a button with such a word as text or
 * id. A button «Cancel» may cancel a viewing, so words with two meanings count where they were typed.
 */
export function asksToStop({ text, chosenId, isChoice }: Said, companyWords: readonly string[]): boolean {
  const said = [text, chosenId].flatMap((one) => (one === null ? [] : [normalised(one)]));
  return said.some((one) => STOP.has(one) || (!isChoice && END.has(one)) || isKeyword(one, companyWords));
}

/** True if the message takes such an opt-out back. One that the person gave elsewhere stays. */
export function asksToResume({ text, chosenId }: Said): boolean {
  return [text, chosenId].some((one) => one !== null && START.has(normalised(one)));
}

const setOf = (...words: readonly string[]) => new Set(words.flatMap((list) => list.split(', ').map(normalised)));

/** Nothing else can be meant. The English ones are the words that carriers must obey, and what Meta's own button says. */
const STOP: ReadonlySet<string> = setOf(
  'stop, stopp, stop all, stopall, please stop, stop please, stop it, stop now, stop this, stop messages, stop messaging, stop messaging me, stop sending',
  'stop texting, stop texting me, stop sending messages, stop sending me messages, stop promotions, stop promotion, stop marketing, stop ads',
  'unsubscribe, unsubscribe me, please unsubscribe, opt out, optout, opt me out, remove me, please remove me, take me off, take me off your list',
  'remove me from your list, remove my number, delete my number, do not message me, dont message me, do not contact me, dont contact me',
  'do not text me, dont text me, do not send messages, no more messages, leave me alone',
  // Arabic, Persian, Urdu, Hebrew
  'توقف, توقفوا, إيقاف, ايقاف, أوقف, أوقفوا, وقف, قف, ستوب, لا ترسل, لا ترسلوا, لا ترسل لي, لا ترسل رسائل, لا تراسلني, لا تراسلوني, لا تتواصل معي',
  'إلغاء الاشتراك, الغاء اشتراك, إلغاء اشتراكي, إلغاء المتابعة, إيقاف الرسائل, أوقف الرسائل, إيقاف العروض, إيقاف العروض الترويجية, احذفني, احذف رقمي, ازل رقمي',
  'لغو اشتراک, لغو عضویت, پیام ندهید, بند کرو, بند کریں, روکیں, پیغام نہ بھیجیں, עצור, הסר, הסירו אותי, הסרה, די לשלוח',
  // Russian, Ukrainian, Kazakh
  'стоп, отписаться, отписка, отпишите, отпишите меня, отписать, не пишите, не пишите мне, не присылайте, не беспокоить, не беспокойте, удалите меня, остановить, остановить рассылку',
  'відписатися, відписатись, відпишіть, не пишіть, зупинити, тоқта, тоқтату',
  // Spanish, Portuguese, French, Italian
  'baja, dar de baja, darme de baja, darse de baja, deme de baja, desuscribir, desuscribirme, cancelar suscripción, parar, pare, detener, detener promociones, no escribir, no me escriban, no más mensajes',
  'sair da lista, descadastrar, descadastre, descadastrar me, cancelar inscrição, parar mensagens, parar promoções, remover me, remova me, me remova, não me mande mensagens, não enviar',
  'arrêt, arrêter, arrêtez, arrête, stop pub, désabonner, désabonnement, se désabonner, me désabonner, désinscrire, désinscription, se désinscrire, arrêter les promotions, ne plus recevoir',
  'disiscrivi, disiscrivimi, annulla iscrizione, cancellami, cancellazione, basta messaggi, non scrivetemi',
  // German, Dutch, Turkish
  'abmelden, abbestellen, austragen, abmeldung, keine werbung, keine nachrichten, keine nachrichten mehr, werbung stoppen, stoppen, afmelden, uitschrijven, geen berichten',
  'dur, durdur, durdurun, ret, abonelikten çık, abonelikten cik, üyelikten çık, listeden çık, listeden çıkar, mesaj atmayın, promosyonları durdur',
  // Hindi, Bengali, Indonesian, Malay, Filipino, Chinese
  'रोकें, रोको, रोक दो, रुकें, बंद करें, बंद करो, स्टॉप, मैसेज मत भेजो, संदेश न भेजें, বন্ধ, বন্ধ করুন, থামুন',
  'berhenti, berhenti berlangganan, hentikan, hentikan promosi, jangan kirim, jangan hantar, itigil, tigil',
  '停止, 停, 退订, 退訂, 取消订阅, 取消訂閱, 停止发送, 不要再发, 不要再发了',
);

/** Words that also answer a question or press a button: they stop messages where they were typed alone. */
const END: ReadonlySet<string> = setOf(
  'cancel, cancel all, end, quit, exit, revoke, no more',
  'إلغاء, الغاء, انهاء, لغو, منسوخ, ביטול, בטל, отмена, отменить, хватит, скасувати, досить',
  'cancelar, alto, salir, no más, sair, chega, annuler, fin, basta, annulla, ferma, fermare',
  'abbrechen, ende, beenden, annuleren, iptal, çık, çıkış, cık, batal, keluar, रद्द करें, रद्द, বাতিল, 取消',
);

const START: ReadonlySet<string> = setOf(
  'start, unstop, subscribe, resubscribe, resume, opt in, optin, start again, start messages',
  'اشتراك, ابدأ, ابدا, اشترك, استئناف, старт, начать, подписаться, возобновить',
  'alta, empezar, reanudar, iniciar, começar, inscrever, reprendre, commencer, s’abonner, anmelden, starten, başlat, başla, शुरू करें, शुरू, mulai, 开始, 订阅',
);
