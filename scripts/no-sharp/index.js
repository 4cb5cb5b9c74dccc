/** Refuses what asks for sharp: `images.unoptimized` in next.config.ts keeps Next.js from it. */
throw new Error(
  'expected no resized images: to have them, remove sharp from package.json and images.unoptimized from next.config.ts',
);
