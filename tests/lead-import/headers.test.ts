/** Headers as systems write them, in the languages of their users: which field each means, and which are nobody's number. */
import { expect, test } from 'vitest';
import { fieldsOf, mapColumns } from '../../lib/imports/lead-import/columns.ts';
import { kindOfLabel, meaningOf } from '../../lib/imports/lead-import/headers.ts';

/** `header=field`, or `header` alone where it is to be ignored; `phone:mobile` also says the kind. */
test.each<[system: string, headers: string]>([
  [
    'Pipedrive',
    'Person - Name=name|Person - Phone=phone:plain|Person - Phone - Mobile=phone:mobile|Person - Phone - Work=phone:work|Person - Email - Work=email|Person - Organization=organisation|Person - Labels=tags|Person - Marketing status=optOut|Person - Owner|Deal - Title|Organization - Address',
  ],
  [
    'Google Ads',
    'User Phone=phone:plain|Phone Number=phone:plain|phone_number=phone:plain|Full Name=name|User Email=email|Lead ID|Campaign ID|what_is_your_whatsapp_number?=phone:whatsapp',
  ],
  [
    'Google Contacts',
    'Given Name=firstName|Family Name=lastName|Phone 1 - Type=phoneType|Phone 1 - Value=phone:plain|Phone 1 - Label=phoneType|E-mail 1 - Value=email|E-mail 1 - Label|Group Membership=tags|Labels=tags|Organization Name=organisation|Address 1 - Country=country|Phonetic First Name|Name Prefix',
  ],
  [
    'vCard',
    'TEL;CELL=phone:mobile|TEL;TYPE=CELL=phone:mobile|TEL;WORK;VOICE=phone:work|TEL;WORK;FAX|FN=name|EMAIL;INTERNET=email|ORG=organisation|NOTE=notes|CATEGORIES=tags|TelCellWork=phone:mobile|TelFaxHome',
  ],
  [
    'HubSpot',
    'Phone Number=phone:plain|Mobile Phone Number=phone:mobile|WhatsApp Phone Number=phone:whatsapp|Country/Region=country|State/Region|Contact owner|Associated Company=organisation|Unsubscribed from all email=optOut',
  ],
  [
    'Salesforce',
    'Mobile=phone:mobile|MobilePhone=phone:mobile|HomePhone=phone:home|AssistantPhone|Asst. Phone|Fax|DoNotCall=optOut|HasOptedOutOfEmail=optOut|HasOptedOutOfFax|Company / Account=organisation|MailingCountry=country|Lead Owner',
  ],
  [
    'Outlook',
    "Mobile Phone=phone:mobile|Business Phone 2=phone:work|Home Phone 2=phone:home|Company Main Phone=phone:work|Assistant's Phone|Business Fax|Pager|Telex|E-mail Address=email|E-mail 2 Address=email|E-mail 2 Type|Home Country/Region=country|Categories=tags",
  ],
  [
    'Zoho and Apollo',
    'Email Opt Out=optOut|SMS Opt Out=optOut|Secondary Email=email|Tag=tags|Corporate Phone=phone:work|Work Direct Phone=phone:work|Other Phone=phone:other|Company Country=country|Title|Person Linkedin Url',
  ],
  [
    'Mailchimp',
    'Email Address=email|TAGS=tags|MEMBER_RATING|OPTIN_TIME|UNSUB_TIME=optOut|UNSUB_CAMPAIGN_TITLE|NOTES=notes',
  ],
  [
    'Facebook lead ads',
    'full_name=name|phone_number=phone:plain|número_de_teléfono=phone:plain|telefon_numarası=phone:plain|nombre_completo=name|adresse_e-mail=email|رقم_الهاتف=phone:plain|الاسم_بالكامل=name|created_time|inbox_url|is_organic',
  ],
  [
    'Bitrix24 and Kommo in Russian',
    'Имя=firstName|Фамилия=lastName|Рабочий телефон=phone:work|Мобильный телефон=phone:mobile|Номер факса|Телефон для рассылок=phone:plain|Рабочий e-mail=email|Название компании=organisation|Комментарий=notes|Источник=source|Ответственный|Рабочий телефон (контакт)=phone:work|Теги сделки=tags|Код страны=country',
  ],
  [
    'Arabic',
    'الاسم=name|رقم الجوال=phone:mobile|رقم الهاتف=phone:plain|واتساب=phone:whatsapp|هاتف العمل=phone:work|البريد الإلكتروني=email|الشركة=organisation|الدولة=country|رمز الدولة=country|رقم الموظف|العنوان',
  ],
  [
    'German',
    'Telefon geschäftlich=phone:work|Telefon (privat)=phone:plain|Mobiltelefon=phone:mobile|Handynummer=phone:mobile|Festnetz=phone:landline|Fax geschäftlich|Vorname=firstName|E-Mail-Adresse=email|Ländervorwahl=country|Anrede',
  ],
  [
    'French',
    'Tél. mobile=phone:mobile|Téléphone (bureau)=phone:work|Téléphone fixe=phone:landline|N° de téléphone=phone:plain|Prénom=firstName|Société=organisation|Courriel=email|Pays=country|Étiquettes=tags',
  ],
  [
    'Spanish and Portuguese',
    'Teléfono móvil=phone:mobile|Teléfono del trabajo=phone:work|Apellidos=lastName|Correo electrónico=email|País=country|Telemóvel=phone:mobile|Celular/WhatsApp=phone:whatsapp|Sobrenome=lastName|CEP|DDD',
  ],
  [
    'Turkish and Hindi',
    'Cep Telefonu=phone:mobile|İş Telefonu=phone:plain|Soyad=lastName|E-posta=email|Ülke=country|फ़ोन नंबर=phone:plain|मोबाइल नंबर=phone:mobile|नाम=name|ईमेल=email',
  ],
  [
    'Pipedrive in Spanish and Portuguese',
    'Persona - Nombre=name|Persona - Teléfono - Móvil=phone:mobile|Persona - Teléfono - Trabajo=phone:work|Pessoa - Telefone=phone:plain|Persona - ID|Persona - Propietario',
  ],
  [
    'countries and regions',
    'Country/Territory=country|Land/Regio=country|Land/Region=country|Paese/Area geografica=country|País/Región=country|Страна/регион=country|Ülke/Bölge=country|البلد/المنطقة=country|देश/क्षेत्र=country|Ländercode=country|Wohnsitzland=country|Country Code (ISO)=country|Visitor Country=country|Region|Регион|المنطقة|Area|ISO',
  ],
  [
    'other languages',
    '手机号码=phone:mobile|联系电话=phone:plain|Số điện thoại=phone:plain|Κινητό=phone:mobile|Τηλέφωνο=phone:plain|טלפון נייד=phone:mobile|โทรศัพท์=phone:plain|شماره تلفن=phone:plain|تلفن همراه=phone:mobile|Mobiele telefoon=phone:mobile',
  ],
  [
    'forms',
    'What is your full name?=name|What is your phone number?=phone:plain|Which country do you live in?=country|Please enter your email=email|What is your budget?|Which unit do you live in?',
  ],
  [
    'shops',
    'billing_first_name=firstName|billing_phone=phone:other|billing_country=country|shipping_phone=phone:other|shipping_first_name|Default Address Phone=phone:other|Phone=phone:plain|Accepts SMS Marketing=optOut',
  ],
  [
    'Brevo, WATI, Calendly and Intercom',
    'SMS=phone:plain|EMAIL_BLACKLISTED=optOut|SMS_BLACKLISTED=optOut|AllowBroadcast=optOut|Text Reminder Number=phone:mobile|Invitee Name=name|Unsubscribed from emails=optOut',
  ],
  [
    'lists',
    'Mobile1=phone:mobile|Mobile No.2=phone:mobile|Ph. No=phone:plain|Contact No=phone:plain|Phone with country code=phone:plain|Mobile Country Code=country|Country (Phone)=country|Country of mobile=country|Country code and phone=phone:plain|COUNTRYCODE=country|Dial Code=country|Nationality|Area Code|Agent Phone|Owner Phone|Phone Status|Phone Extension|Emergency Phone',
  ],
])('%s', (_, headers) => {
  const expected = headers.split('|').map((one) => {
    const [, name = one, meaning = ''] = /^(.*)=([\w:]+)$/.exec(one) ?? [];
    return [name, meaning === '' || meaning === 'CELL' ? null : meaning];
  });
  const found = expected.map(([name]) => {
    const meaning = meaningOf(name ?? '');
    return [name, meaning && (meaning.kind ? `${meaning.field}:${meaning.kind}` : meaning.field)];
  });
  expect(found).toEqual(expected);
});

test.each([
  ['Contact', ['050 111 1111', '', '+971 50 222 2222'], 'phone'],
  ['Contact', ['Ali Hassan', 'Omar'], 'name'],
  ['Number', ['0501111111'], 'phone'],
  ['Number', ['1', '2'], null],
  ['Number', ['20260001', '20260002'], null],
  ['No', ['2026-01-02', '2026-01-03'], null],
  ['SMS', ['971501111111', '33612345678'], 'phone'],
  ['SMS', ['yes', 'no'], null],
  ['Telegram', ['271501111111', '33612345678'], null], // ids of people
  ['Code', ['966', '971', '966'], 'country'],
  ['Code', ['+966'], 'country'],
  ['Code', ['30', '31', '32'], null],
  ['Code', ['A-12', 'B-7'], null],
  ['Land', ['Deutschland', 'Österreich'], 'country'],
  ['Land', ['Plot 12', 'Plot 13'], null],
  ['Residence', ['UAE', 'KSA'], 'country'],
  ['Residence', ['Villa 1', 'Marina Gate 2'], null],
])('%s over %j is %s', (header, values, field) => {
  const rows = values.map((value) => [value]);
  expect(fieldsOf(mapColumns([header], rows), 1)).toEqual([field]);
});

test.each([
  ['* Mobile', 'mobile'],
  ['WhatsApp Business', 'whatsapp'],
  ['Work Fax', 'deaf'],
  ['Pager', 'deaf'],
  ['Home', 'home'],
  ['Grandmother', 'plain'],
])('the label %s says %s', (label, kind) => {
  expect(kindOfLabel(label)).toBe(kind);
});
