/** The words that headers are made of, in the languages of the systems that write them. Data alone: `headers.ts` reads it. */

/** A header means a phone number if all of it is words of these lists and one is of the first four. */
export const PHONE_WORDS = {
  whatsapp: `whatsapp|whatsapp id|wa id|whatsap|watsapp|whats app|wa|wapp|واتساب|واتس اب|الواتساب|الواتس|ватсап|вотсап|вацап|व्हाट्सएप|वाट्सएप|व्हाट्सऐप`,
  mobile: `mobile|mobil|mobiles|mobilnummer|mob|mobi|handy|handynummer|cell|cellphone|cellular|cellulare|celular|cel|movil|telemovel|
    portable|gsm|cep telefonu|cep telefon|cep tel|cep no|cep numarasi|no hp|nomor hp|hp number|ponsel|komorka|komorkowy|mobiel|matkapuhelin|sms number|sms phone|text number|text reminder number|sms reminder number|мобильный|мобильного|мобильная|мобильные|моб|
    сотовый|сотового|mobiele|mobiele telefoon|di động|κινητο|נייד|มือถือ|همراه|手机号码|جوال|الجوال|موبايل|الموبايل|محمول|المحمول|نقال|النقال|خلوي|मोबाइल|手机|手机号|携帯|携帯電話|휴대폰`,
  phone: `phone|phones|ph|ph no|phn|phonenumber|telephone|tel|telefon|telefonnummer|telefono|telefone|telefoon|telefonu|telefonas|telepon|telp|fone|fon|
    rufnummer|puhelin|msisdn|e164|contact number|contact no|contact nr|contact num|contact phone|kontaktnummer|numero de contacto|
    numero de contato|calling number|телефон|телефона|телефоны|тел|контактный номер|номер для связи|هاتف|الهاتف|تليفون|التليفون|
    تلفون|التلفون|رقم التواصل|رقم الاتصال|फोन|दूरभाष|电话|电话号码|联系电话|điện thoại|số điện thoại|τηλεφωνο|טלפון|מספר טלפון|โทรศัพท์|เบอร์โทร|تلفن|شماره تلفن|شماره تماس|電話|電話番号|전화|전화번호`,
  landline: `landline|land line|festnetz|festnetznummer`,
  home: `home|house|residence|residencial|residenziale|domicile|domicilio|casa|ev|домашний|المنزل|منزل|घर`,
  work: `work|business|office|desk|company|corporate|organization|organisation|org|geschaftlich|geschaftl|gesch|dienstlich|dienstl|beruflich|arbeit|firma|
    buro|bureau|travail|professionnel|pro|societe|trabajo|trabalho|laboral|oficina|empresa|comercial|ufficio|lavoro|azienda|рабочий|
    рабочая|служебный|العمل|عمل|المكتب|مكتب|الشركة|कार्यालय`,
  other: `other|others|shipping|billing|default address|alternate|alternative|alt|secondary|second|additional|backup|weitere|weiteres|weiterer|autre|secondaire|otro|otra|
    secundario|outro|altro|diger|другой|дополнительный|второй|اخر|آخر|بديل`,
  fixed: `fixed|line|fixe|fijo|fixo|fisso|sabit|городской|стационарный|ارضي|الارضي|ثابت|الثابت`,
  /** They change nothing: whose number, how written, how asked for. */
  beside: `number|numbers|no|n de|num|nr|nos|nummer|numero|numeros|num de|номер|номера|رقم|الرقم|ارقام|नंबर|नम्बर|संख्या|numara|numarasi|no su|
    nomor|numer|value|valor|wert|valeur|voice|primary|main|first|haupt|hauptnummer|principal|principale|preferred|standard|основной|الرئيسي|
    person|persona|pessoa|personne|personal|private|privat|priv|private nummer|prive|privee|personnel|personnelle|particular|pessoal|personale|personel|kisisel|личный|
    direct|direkt|contact|contacts|kontakt|contacto|contato|contatto|lead|leads|customer|customers|client|clients|kunde|kunden|cliente|
    musteri|user|buyer|tenant|guest|patient|student|member|subscriber|seller|prospect|applicant|attendee|контакт|контакта|контактный|клиента|
    лида|покупателя|العميل|عميل|التواصل|للتواصل|الاتصال|ग्राहक|sms|text|messaging|marketing|для|рассылок|your|my|the|whats|what|is|s|please|enter|
    de|du|des|do|da|del|di|la|le|el|of|et|y|und|and|or|with|without|including|incl|country|code|international|intl|format|required|
    optional|mandatory|full|pref|address|default|ihre|deine|votre|su|tu|seu|sua|ваш|the best|best|raw|formatted|normalized`,
} as const;

export const EMAIL_WORDS = {
  email: `email|e mail|emails|mail|mailadresse|emailadresse|e mail adresse|emailaddress|courriel|messagerie|correo|correo electronico|
    correio|correio eletronico|posta elettronica|eposta|e posta|почта|электронная почта|электронной почты|эл почта|имейл|емейл|बईमेल|ईमेल|
    البريد|بريد|البريد الالكتروني|بريد الكتروني|الايميل|ايميل|surel|邮箱|电子邮件|メール|이메일`,
  other: `${PHONE_WORDS.other}`,
  work: `${PHONE_WORDS.work}`,
  beside: `${PHONE_WORDS.beside}|${PHONE_WORDS.home}|internet|addresses|adresse|adres|adresi|direccion|endereco|indirizzo|id|ids|adresse de|адрес|
    частный|рассылок|عنوان|الكتروني|الالكتروني|electronico|eletronico|elettronica`,
} as const;

/** A country beside the number. Those of `maybe` mean other things as often: the values have to say so. */
export const COUNTRY_WORDS = {
  dialled: `dial code|dialing code|dialling code|calling code|isd code|isd|ccode|phone code|country calling code|international code|
    country prefix|phone prefix|mobile prefix|landesvorwahl|landervorwahl|landeskennzahl|indicatif|indicatif telephonique|codigo telefonico|indicatif pays|codigo pais|codigo de pais|codigo do pais|prefijo|prefisso|
    код страны|телефонный код|код телефона|رمز الدولة|كود الدولة|مفتاح الدولة|رمز البلد|كود البلد|ulke kodu|देश कोड|kode negara`,
  country: `country|countries|country name|country code|country region|country or region|country of residence|country iso|country iso code|
    country iso2|iso country|iso country code|iso code|iso2|pais|pays|paese|nazione|ulke|ulkesi|страна|الدولة|دولة|البلد|بلد|بلد الاقامة|देश|negara|kraj|国家|国|국가|
    land region|land regio|wohnsitzland|wohnland|landercode|landerkennzeichen|country of current residence|residence country`,
  /** Beside a country, and no country by itself: `Country/Region`, `Страна/регион`. */
  region: `region|or region|o region|regio|area geografica|territory|or territory|territorio|регион|bolge|المنطقه|منطقه|क्षेत्र|地区|地域|iso`,
  maybe: `cc|land|residence|nation|staat`,
  /** Calling codes, or anything that has codes. */
  counted: `code|codes|prefix|код|الرمز|kod`,
  /** In front of what means a number: `Country (Phone)`. With «code» such a header is often that of the whole number. */
  before: `country|country of|pais|pais de|pais del|pays|pays du|paese|paese del|страна|الدولة|دولة|البلد|بلد|negara|ulke`,
  /** Behind what means a number: `Phone 2 Prefix`. */
  ofNumber: `prefix|code|dial|isd`,
  home: `${PHONE_WORDS.home}|mailing|residential|current|visitor|${PHONE_WORDS.beside}`,
  work: `${PHONE_WORDS.work}|billing|shipping|other|account|hq|ip`,
} as const;

/** The type of the number in the column beside it, as Google's contacts have it. */
export const TYPE_WORDS =
  'type|label|typ|kind|art|bezeichnung|libelle|tipo|etiqueta|etichetta|rotulo|тип|вид|نوع|التسمية|turu|etiket';

/** Around what a form asks for: `What is your full name?`, `Which country do you live in?` */
export const QUESTIONS = {
  before: `what is your|whats your|please enter your|please provide your|enter your|provide your|which|what|in which|wie ist ihr|wie lautet ihr|wie ist ihre|wie lautet ihre|
    quel est votre|quelle est votre|cual es tu|cual es su|qual e o seu|qual o seu|qual e il tuo|укажите ваш|укажите ваше|укажите|введите|ваше|ваш|ما هو|ادخل`,
  behind: `do you live in|do you reside in|are you from|are you in|are you based in|are you located in|do you live|are you living in`,
} as const;

/** Said of a number in its label: nobody reads a message there. */
export const DEAF_WORDS = 'fax|telefax|pager|telex|isdn|tty|tdd|modem|факс|пейджер|فاكس';

/** Exact headers, best first. */
export const HEADERS = {
  firstName: `first name|firstname|given name|forename|fname|first|vorname|rufname|prenom|nombre de pila|primer nombre|primeiro nome|nome proprio|nome di battesimo|
    имя|имя контакта|الاسم الاول|الاسم الأول|الاسم الشخصي|पहला नाम|प्रथम नाम|voornaam|fornavn|fornamn|imie|nama depan|名`,
  lastName: `last name|lastname|surname|family name|lname|last|nachname|familienname|zuname|nom de famille|apellido|apellidos|primer apellido|
    sobrenome|apelido|ultimo nome|cognome|soyad|soyadi|soy isim|фамилия|фамилия контакта|اسم العائلة|العائلة|اللقب|الاسم الاخير|الاسم الأخير|उपनाम|अंतिम नाम|achternaam|
    etternavn|efternamn|nazwisko|nama belakang|姓`,
  name: `name|full name|fullname|complete name|fn|formatted name|display name|person name|contact name|customer name|client name|
    name of contact|vollstandiger name|angezeigter name|anzeigename|nom affiche|nom d affichage|nombre para mostrar|nombre mostrado|nome visualizzato|отображаемое имя|ganzer name|ansprechpartner|kontaktperson|kontaktname|kunde|kundenname|nom|nom complet|nom et prenom|prenom et nom|nombre|
    nombre completo|nombre y apellidos|nome|nome completo|nome e cognome|ad|adi|tam ad|ad soyad|adi soyadi|isim|isim soyisim|musteri adi|musteri|фио|ф и о|полное имя|
    имя клиента|имя и фамилия|контактное лицо|контакт|клиент|الاسم|اسم|الاسم الكامل|الاسم بالكامل|اسم العميل|العميل|الإسم|नाम|पूरा नाम|naam|navn|namn|nama|nama lengkap|imie i nazwisko|
    姓名|名前|氏名|이름|contact|contacts|contact person|customer|client|buyer|buyer name|tenant name|guest name|patient name|student name|
    attendee name|member name|lead name|user name|username`,
  source: `source|lead source|utm source|channel|original source|original traffic source|contact source|source channel|quelle|herkunft|leadquelle|
    origen|origine|origem|fonte|provenance|kaynak|источник|المصدر|مصدر|स्रोत`,
  organisation: `company|company name|organisation|organization|organization name|organisation name|org|org name|organization 1 name|account name|
    company account|associated company|primary company|employer|business|business name|firma|firmenname|unternehmensname|unternehmen|firma name|societe|
    entreprise|nom de l entreprise|nom de la societe|raison sociale|empresa|compania|nombre de la empresa|nome da empresa|nome azienda|azienda|societa|sirket|sirket adi|firma adi|компания|название компании|
    организация|شركة|الشركة|اسم الشركة|المؤسسة|कंपनी|कम्पनी|perusahaan|bedrijf|bedrijfsnaam|公司|会社|회사`,
  notes: `notes|note|comments|comment|remarks|remark|description|notizen|notiz|bemerkung|bemerkungen|anmerkung|anmerkungen|kommentar|
    kommentare|beschreibung|notas|nota|observaciones|observacoes|comentarios|descripcion|commentaire|commentaires|remarques|remarque|
    note e commenti|aciklama|notlar|not|комментарий|комментарии|примечание|примечания|заметки|описание|ملاحظات|ملاحظة|الملاحظات|تعليق|
    टिप्पणी|नोट|opmerking|opmerkingen|catatan|备注|メモ|message|enquiry|inquiry|nachricht|mensaje|mensagem|сообщение|الرسالة`,
  tags: `tags|tag|labels|label|contact tags|lead tags|теги сделки|теги контакта|group membership|groups|categories|lists|segments|schlagworte|schlagworter|kategorien|
    etiketten|etiquetas|etiqueta|etiquettes|categorias|etichette|etiketler|etiket|метки|теги|тег|метка|категории|وسوم|الوسوم|علامات|
    التصنيفات|टैग|标签|タグ`,
} as const;

/** A lead's title, as «Website enquiry #33», or a login: a name only where the file has no other. */
export const LEAD_TITLES =
  'lead name|user name|username|lead title|название лида|название|bezeichnung des leads|nombre del prospecto|nom du prospect';

/** Headers of numbers as often as of something else: the values have to say so. Those of `counted` are often followed by other digits. */
export const MAYBE_PHONES = {
  said: 'contact|contacts|contact details|contact detail|contact info|контакт|контакты|kontakt|contacto|contato|viber|sms',
  counted: 'number|numbers|no|num|nr|nummer|numero|номер|رقم|الرقم|numara|nomor|नंबर|telegram',
} as const;

/** A person who says no. `all`: nothing may be written; `marketing`: nothing that advertises. Anything but a no in the cell is a yes. */
export const REFUSALS = {
  all: `do not contact|dont contact|no contact|dnc|dnd|do not disturb|do not message|do not text|do not sms|do not whatsapp|opted out|
    opt out|optout|opt outs|has opted out|is opted out|stop|stopped|stop messages|blacklist|blacklisted|blocklist|blocked|suppressed|whatsapp opt out|whatsapp opted out|opted out of whatsapp|
    opt out whatsapp|whatsapp stop|whatsapp blacklisted|whatsapp blocklisted|whatsapp blocked|whatsapp unsubscribed|sms blacklisted|sms blocklisted|sms blocked|
    sms unsubscribed|unsubscribed from sms|unsubscribed from whatsapp|sms stop|blocklisted|sms opt out|opted out of sms|has opted out of sms|sms opted out|text opt out|nicht kontaktieren|kontaktsperre|gesperrt|abgemeldet|
    ne pas contacter|no contactar|nao contatar|non contattare|не беспокоить|не писать|черный список|عدم التواصل|عدم الازعاج|لا ترسل|محظور|aranmasin|संपर्क न करें`,
  marketing: `do not call|dont call|no call|do not phone|donotcall|do not call flag|email opt out|e mail opt out|email opted out|email blacklisted|email blocklisted|email blocked|email suppressed|opted out of email|
    has opted out of email|has opted out email|email optout|email unsubscribed|unsubscribed|is unsubscribed|unsubscribe|unsubscribed from email|
    unsubscribed from emails|unsubscribed from all email|unsubscribed from all emails|unsubscribed from marketing|unsubscribed from marketing emails|unsub time|unsub reason|unsubscribed time|unsubscribed at|unsubscribed on|unsubscribe date|unsubscribed date|
    unsubscribe time|opt out date|opt out time|optout date|optout time|opted out at|opted out on|no consent|without consent|no marketing|no marketing consent|do not market|do not email|dont email|
    bulk email opt out|marketing opt out|opted out of marketing|newsletter opt out|nicht anrufen|werbesperre|keine werbung|werbewiderspruch|ne pas appeler|desinscrit|
    no llamar|dado de baja|nao ligar|nao telefonar|descadastrado|non chiamare|disiscritto|не звонить|отписан|отписался|без согласия|عدم الاتصال|الغاء الاشتراك|abonelikten cikti|कॉल न करें`,
} as const;

/** A person who says yes: a no in the cell, or a word for it, is a refusal of marketing. */
export const CONSENTS = `consent|marketing consent|consent to marketing|opt in|optin|opted in|has opted in|marketing opt in|whatsapp opt in|whatsapp optin|whatsapp consent|sms opt in|
  sms consent|email opt in|email consent|subscribed|is subscribed|accepts marketing|accepts email marketing|accepts sms marketing|allow broadcast|allow broadcasts|allow whatsapp|allow marketing|marketing allowed|gdpr consent|consent given|contact allowed|
  marketing status|subscription status|email subscription status|email marketing status|email marketing consent|
  sms marketing consent|whatsapp marketing consent|consent status|opt in status|opt out status|subscriber status|marketing permissions|einwilligung|werbeeinwilligung|newsletter einwilligung|consentement|accepte marketing|consentimiento|consentimento|consenso|riza|izin|согласие|согласие на рассылку|الموافقة|موافقة|सहमति`;

/** A state of more than consent: only the words of `REFUSALS` in the cell count, because `Rejected` is said of a lead, too. */
export const STATES = 'status|lead status|contact status|email status|member status|whatsapp status';

/** Cells that say no, squashed. */
export const NO_WORDS = `no|n|false|0|off|f|unchecked|never|nein|falsch|non|faux|nao|falso|нет|ложь|لا|كلا|hayir|yanlis|नहीं|tidak|nie|nej|nei`;

/** Cells of a consent that refuse it, beside those. */
export const REFUSED_WORDS = `not subscribed|non subscribed|never subscribed|refused|declined|denied|revoked|withdrawn|rejected|widerrufen|keine einwilligung|refuse|отказ|ملغي|مرفوض`;
