/** `npm run worker`: there is no worker any more; says what does its work now, so that an old habit or unit file finds the way. */
console.log(`There is no polling worker any more. What it did is done by:

  the cron tick      On Vercel, the crons of vercel.json call /api/cron/drain every minute. Nothing to run or restart.
  npm run dev        On your machine: database, app and a ticker that calls the same endpoint.
  npm start          Self-hosted: the built app and the ticker, under systemd, compose or pm2 (docs/deploy.md).
  POST /api/drain    By hand, at once, with filters and a budget:

    curl -X POST https://your-app/api/drain \\
      -H "Authorization: Bearer $OPERATOR_SECRET" -H "Content-Type: application/json" \\
      -d '{"types": ["lead_import"], "budgetMs": 60000}'
`);
