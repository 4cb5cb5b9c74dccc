// Answers of Google Fonts for create-next-app's page: NEXT_FONT_GOOGLE_MOCKED_RESPONSES reads this, so that builds need no network.
const face = (family) =>
  `@font-face { font-family: '${family}'; font-style: normal; font-weight: 100 900; src: local('Arial'); }`;
module.exports = {
  'https://fonts.googleapis.com/css2?family=Geist:wght@100..900&display=swap': face('Geist'),
  'https://fonts.googleapis.com/css2?family=Geist+Mono:wght@100..900&display=swap': face('Geist Mono'),
};
