/** The words that say what kind of number stands beside them. With any other word a cell says something that we cannot judge. */

const LABELS = new Set(
  [
    'p t m h w c o no nr num number numbers my primary main home work office personal private business direct line landline',
    'phone phones telephone tel mobile mobiles mob cell cellphone cellular contact call sms imo viber telegram signal',
    'whatsapp whats app wa wapp watsapp whatsup wtsp callto sip',
    'telefon telefonnummer tlf mobil mobilnummer mobiltelefon handy handynummer privat dienstlich geschäftlich nummer festnetz rufnummer',
    'téléphone telephone portable numéro numero teléfono telefono móvil movil celular cel cellulare fone telefone telemóvel cep',
    'тел телефон моб мобильный сот сотовый дом домашний раб рабочий номер ватсап вотсап вацап',
    'واتساب واتس اب واتسآب جوال الجوال موبايل هاتف الهاتف رقم محمول تلفون نقال موبایل تلفن همراه شماره',
    'מספר טלפון נייד फोन मोबाइल नंबर ফোন মোবাইল 电话 手机 電話 手機 携帯 전화 휴대폰 โทร มือถือ hp telp telepon điện thoại',
  ]
    .join(' ')
    .normalize('NFKC')
    .split(' '),
);

export function isLabel(word: string): boolean {
  return LABELS.has(word.toLowerCase());
}
