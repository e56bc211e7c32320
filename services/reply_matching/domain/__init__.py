"""Is this a reply, to what, and of what kind? Pure functions: no I/O, nothing awaited, nothing kept between calls.

Where to begin reading, and what each file knows:

- **Which message is it about?** `judge` (two steps around one lookup) on the values of `judged`; `keys` makes what is
  looked up; `report` finds the original inside a bounce; `report_signs` says when to look there.
- **What kind of message is it?** `classify` gives a `classification`, asking in this order: `arf` (complaints),
  `ses_notification`, `bounce`, `challenge`, `automatic` with `out_of_office` and `return_date`, `mailing_list`;
  what is left is a person's, and `unsubscribe` reads their wish.
- **Why did it bounce?** `dsn` reads the standard blocks, `notice` and `bounce_text` the words of servers without them,
  `bounce_signs` weighs whether it is a bounce at all; `reasons` (with `status_codes`, `stage`, the phrases) says why.
- **What are the new words?** `reply_text` over `lines` (from text, or from HTML by `html_lines`); `history` finds where
  the quoted past begins and `signature` where a person ends; `html` makes HTML safe to show.
- **The raw material:** `headers`, `encoded_words`, `addresses`, `subjects`, `content_type`, `mime_reading`. Everything
  there takes any bytes, raises nothing, and is bounded.
- `explain` runs all of it on one message and returns everything it saw.
"""
