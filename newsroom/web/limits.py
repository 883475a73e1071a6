"""How much each entrance takes, in one place. The table in README.md says the same; a test compares them.

What is over a limit gets an answer that says which one, and nothing of it is stored.
"""

from __future__ import annotations

from newsroom.limit import Limit

# deliveries as JSON, and registrations of Open Formulieren
JSON_BYTES = 1_000_000  # of the body, the files in it apart
FILES_BYTES = 20_000_000  # of all files in one delivery, unpacked from base64
FILES = 20  # in one delivery
FIELDS = 200  # in one delivery
BODY_BYTES = JSON_BYTES + FILES_BYTES * 4 // 3 + FILES * 4  # base64 takes four bytes for three
KEY_CHARACTERS = 255  # of an Idempotency-Key

PAGE_ITEMS = 200  # of a list of the API

# forms on our own pages
FORM_FILES = 5
FORM_FILE_BYTES = 10_000_000  # of one file
FORM_FILES_BYTES = 20_000_000  # of all files of one form
FORM_BODY_BYTES = FORM_FILES * FORM_FILE_BYTES + 2_000_000  # so that what is too large can be told file by file
ANSWER_CHARACTERS = 10_000  # of one answer, whatever the form asks
FORM_SENDS = (Limit(5, 60), Limit(30, 3600))  # forms sent from one address
FORM_UPLOADS = (Limit(10, 60), Limit(60, 3600))  # pages with files from one address
PATIENCE_SECONDS = 3  # nobody fills in a form faster
STATE_SECONDS = 86_400  # how long a form can be filled in before its files are gone

# what colleagues enter themselves
ENTRY_FILES = 20  # scans of one letter
ENTRY_FILE_BYTES = 10_000_000  # of one scan
ENTRY_FILES_BYTES = 20_000_000  # of all scans of one entry
ENTRY_BODY_BYTES = 52_000_000  # so that what is too large can be told file by file
ENTRY_YEAR_DAYS = 366  # how old a letter may be

# live chat
CHAT_LINES = (Limit(20, 60),)  # of one visitor; more wait, and are told so
CHAT_BEGINS = (Limit(10, 60), Limit(60, 3600))  # chats begun from one address
CHAT_SOCKETS = (Limit(60, 60),)  # panels opened from one address; each comes back after its line was cut
CHAT_PANELS = 5  # of one chat open at the same time, in several tabs
CHAT_MAILS = (Limit(3, 3600),)  # of the chat as a mail, for one chat
CHAT_MAILS_HERE = (Limit(10, 3600),)  # for one address
CHAT_BODY_BYTES = FORM_BODY_BYTES  # of one line with its files
CHAT_NAME_CHARACTERS = 200
CHAT_PAGE_CHARACTERS = 2000
