/** Tells the server the viewer's time zone, so that it writes times in it: a cookie, and one refresh when it is new. */
'use client';

import { useRouter } from 'next/navigation';
import { useEffect } from 'react';

export function Zone() {
  const router = useRouter();
  useEffect(() => {
    const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone);
    if (document.cookie.split('; ').includes(`jobqueue-zone=${zone}`)) return;
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser that we support
    document.cookie = `jobqueue-zone=${zone}; path=/; max-age=31536000; samesite=lax`;
    router.refresh();
  }, [router]);
  return null;
}
