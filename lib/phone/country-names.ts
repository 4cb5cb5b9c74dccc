/** Names of countries: their ISO codes, what people and forms call them, and every name in the languages that countries speak. */
import { getCountries } from 'libphonenumber-js/max';
import type { Country } from './number.ts';

/** ISO 3166-1: alpha-2 and alpha-3 in one word. */
const ISO = [
  'ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB BDBGD',
  'BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BWBWA BYBLR BZBLZ CACAN',
  'CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR CYCYP CZCZE',
  'DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK FMFSM FOFRO',
  'FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GTGTM GUGUM GWGNB',
  'GYGUY HKHKG HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN ISISL ITITA JEJEY JMJAM',
  'JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO LBLBN LCLCA LILIE LKLKA',
  'LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD MLMLI MMMMR MNMNG MOMAC',
  'MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER NFNFK NGNGA NINIC NLNLD',
  'NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM PRPRI PSPSE PTPRT PWPLW',
  'PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC SDSDN SESWE SGSGP SHSHN SISVN SJSJM SKSVK SLSLE',
  'SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TGTGO THTHA TJTJK TKTKL TLTLS TMTKM',
  'TNTUN TOTON TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA USUSA UYURY UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR VNVNM',
  'VUVUT WFWLF WSWSM XKXKX YEYEM YTMYT ZAZAF ZMZMB ZWZWE',
]
  .join(' ')
  .split(' ');

/** Abbreviations and names that ISO and CLDR do not have, in the spelling of `nameKey`. */
const ALSO: Partial<Record<Country, string>> = {
  AE: 'uae|u.a.e|emirates|united arab emirate|vae|eau|bae|оаэ|эмираты|الامارات|الإمارات العربية|امارات|एमिरेट्स|यूएई|阿联酋|emirati|emiratos|emirats|emirados',
  BA: 'bosnia|bih|bosnien',
  BN: 'brunei darussalam',
  BO: 'bolivia plurinational state of|plurinational state of bolivia',
  CD: 'drc|congo drc|congo dr|dr congo|d.r. congo|congo kinshasa|democratic republic of the congo|democratic republic of congo|congo democratic republic of the|zaire',
  CG: 'republic of the congo|congo brazzaville',
  CI: 'ivory coast|cote divoire|elfenbeinküste',
  CN: 'peoples republic of china|prc|mainland china|china mainland',
  CV: 'cabo verde|cape verde',
  CZ: 'czech republic|czechia|tschechische republik',
  DE: 'brd|federal republic of germany|bundesrepublik deutschland',
  DO: 'dominican rep',
  EG: 'arab republic of egypt',
  FK: 'falkland islands malvinas',
  FM: 'federated states of micronesia|micronesia federated states of',
  GB: 'uk|u.k|great britain|britain|england|scotland|wales|northern ireland|großbritannien|gran bretaña|grande bretagne|angleterre|inglaterra|inghilterra|великобритания|англия|بريطانيا|انجلترا|united kingdom of great britain and northern ireland|engeland|ingiltere',
  GR: 'hellas|el',
  HK: 'hong kong|hong kong sar|hongkong',
  IR: 'islamic republic of iran|iran islamic republic of',
  KN: 'st kitts|saint kitts and nevis',
  KP: 'north korea|dprk|democratic peoples republic of korea|korea democratic peoples republic of',
  KR: 'south korea|korea|republic of korea|korea republic of|korea south|s korea|корея|südkorea|rok',
  LA: 'laos|lao pdr|lao peoples democratic republic',
  LY: 'libyan arab jamahiriya',
  MD: 'republic of moldova|moldova republic of',
  MK: 'macedonia|fyrom|republic of north macedonia|former yugoslav republic of macedonia',
  MM: 'burma|myanmar',
  MO: 'macau|macao|macao sar',
  NL: 'holland|the netherlands|hollanda|голландия|هولندا|olanda|holanda|hollande',
  PS: 'palestine|state of palestine|palestinian territories|palestine state of|occupied palestinian territory',
  RU: 'russian federation|рф|российская федерация|federation of russia',
  SA: 'ksa|k.s.a|saudi|kingdom of saudi arabia|saudi arabia kingdom|السعودية|المملكة|саудовская аравия|сауд. аравия',
  SK: 'slovak republic',
  SY: 'syrian arab republic',
  SZ: 'swaziland',
  TL: 'east timor|timor leste',
  TR: 'turkey|turkiye|türkiye',
  TW: 'taiwan province of china|republic of china|roc',
  TZ: 'united republic of tanzania|tanzania united republic of',
  US: 'usa|u.s.a|u.s|united states|united states of america|the states|america|us of a|сша|америка|امريكا|أمريكا|ee.uu|eeuu|eua|etats unis damerique|états unis|estados unidos de america|stati uniti damerica|abd|vs|vereinigte staaten von amerika|美国',
  VA: 'holy see|vatican|holy see vatican city state',
  VE: 'bolivarian republic of venezuela|venezuela bolivarian republic of',
  VG: 'virgin islands british|british virgin islands|bvi',
  VI: 'virgin islands us|us virgin islands|usvi',
  VN: 'viet nam|vietnam',
};

/** Case, marks, punctuation and articles do not matter: `The Côte d'Ivoire` is `cote divoire`. */
export function nameKey(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{Cf}|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670'’`´.]/gu, '') // accents and points; the vowels of Indian scripts stay
    .toLowerCase()
    .replace(/&/g, ' and ')
    .replace(/[^\p{L}\p{M}]+/gu, ' ')
    .trim()
    .replace(/^(?:the|die|das|la|le|les|los|el) (?=\p{L}{3})/u, '')
    .replace(/\bst\b/g, 'saint')
    .replace(/ß/g, 'ss')
    .replace(/ى/g, 'ي')
    .replace(/ة/g, 'ه');
}

type Names = Map<string, Country | null>;

/** A first name for a country stays; two countries that share a later one, as Kongo, make it nobody's. */
function add(names: Names, name: string, country: Country): void {
  const key = nameKey(name);
  const known = names.get(key);
  if (key !== '') names.set(key, known === undefined || known === country ? country : null);
}

function ownNames(): Names {
  const names: Names = new Map();
  for (const [country, also] of Object.entries(ALSO))
    for (const name of also.split('|')) add(names, name, country as Country);
  addLanguage(names, 'en', names);
  return names;
}

/** The names of all countries in a language; those in `taken` have an owner already. */
function addLanguage(names: Names, language: string, taken: Names): void {
  for (const style of ['long', 'short'] as const) {
    const display = new Intl.DisplayNames([language], { type: 'region', style, fallback: 'none' });
    for (const country of getCountries()) {
      const name = display.of(country);
      if (name !== undefined && !taken.has(nameKey(name))) add(names, name, country);
    }
  }
}

/** Official beside the language that most people of a country speak, which CLDR tells. */
const ALSO_SPOKEN =
  'as be bo ca ckb cy eu fy ga gl gu ig jv kk kn ku lb mai ml mr mt or pa ps qu sat sd su ta te tg tt ug xh yo yue zh-Hant zu'.split(
    ' ',
  );

/** Some hundred languages. Making their names takes 200 ms. */
function foreignNames(): Names {
  const spoken = getCountries().map((country) => new Intl.Locale(`und-${country}`).maximize().language);
  const languages = Intl.DisplayNames.supportedLocalesOf([...new Set([...spoken, ...ALSO_SPOKEN])]);
  const names: Names = new Map();
  for (const language of languages) addLanguage(names, language, known());
  return names;
}

let own: Names | undefined;
let foreign: Names | undefined;

function known(): Names {
  own ??= ownNames();
  return own;
}

const CODES = new Map<string, Country>([
  ...ISO.map((word): [string, Country] => [word.slice(2), word.slice(0, 2) as Country]),
  ...getCountries().map((country): [string, Country] => [country, country]),
]);

/** `undefined` for a name that is no country's, or that two share: `Nga` is Russia in Vietnamese, and Nigeria's code. */
export function countryNamed(name: string): Country | undefined {
  const code = CODES.get(name.replace(/[. ]/g, '').toUpperCase());
  if (code !== undefined && name === name.toUpperCase()) return code;
  const named = nameOf(nameKey(name));
  return code === undefined || named === undefined || named === code ? (code ?? named) : undefined;
}

function nameOf(key: string): Country | undefined {
  const found = key === '' ? null : known().get(key);
  if (found !== undefined) return found ?? undefined;
  foreign ??= foreignNames();
  return foreign.get(key) ?? undefined;
}
