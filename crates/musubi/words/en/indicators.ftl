indicators-title = Indicators
indicators-value = Value
indicators-value-hint = Address, network, name, URL, mail address, hash; defanged ones too; or a STIX pattern in brackets.
indicators-kind = Kind
indicators-score = Score
indicators-standing = Standing
indicators-class = Class
indicators-malware = Malware
indicators-last-seen = Last seen
indicators-until = Worth something until
indicators-sightings = Sightings
indicators-warnings = Warning lists
indicators-begins = Begins with
indicators-in-force = In force
indicators-past = Past their end
indicators-doubted = Doubted
indicators-doubts = { $count ->
        [one] 1 doubt
       *[other] { $shown } doubts
    }
indicators-none = There are no indicators yet. “musubi indicator derive” makes them of events, or add one by hand.
indicators-none-so = No indicator is like this. The filter leaves all of them out.

indicators-standing-active = active
indicators-standing-groundless = groundless
indicators-standing-not-yet = not yet
indicators-standing-expired = expired
indicators-standing-faded = faded
indicators-standing-disputed = disputed
indicators-standing-revoked = revoked
indicators-never-block = never to be blocked
indicators-warn = to be looked at
indicators-context = worth knowing

indicators-seen = Seen
indicators-valid = Said to hold
indicators-valid-until = Holds until
indicators-reporters = Reporters
indicators-against = Said to be harmless
indicators-terms = Terms
indicators-lookup = Look it up
indicators-no-warning = No warning list names it.
indicators-why = Why it is worth this
indicators-why-groundless = Nothing speaks for it.
indicators-why-not-yet = Its sources say that it begins later.
indicators-why-expired = It held until its end.
indicators-why-faded = It was not seen for so long that nothing is left of its confidence.
indicators-why-disputed = Words against it leave nothing.
indicators-why-revoked = It is revoked.
indicators-why-doubts = { $count ->
        [one] One says
       *[other] { $shown } say
    } that it is harmless.
indicators-why-confidence =
    Confidence { $confidence }, told by { $count ->
        [one] one reporter
       *[other] { $shown } reporters
    }.
indicators-why-time = Time and doubt since have left { $score }.
indicators-why-marked = A warning list was hit when it came in: { $lists }
indicators-fading = How the score falls
indicators-fading-why = If nothing more is said of it.
indicators-below = Below 50 from
indicators-sources = Who says so
indicators-source = From
indicators-source-event = event
indicators-source-case = case
indicators-source-rule = rule
indicators-source-evidence = evidence
indicators-reporter = Reporter
indicators-confidence = Confidence
indicators-times = Times
indicators-newest = The newest { $shown } of { $all }.
indicators-ruling = The last ruling
indicators-did-derived = derived from events
indicators-did-added = added by hand
indicators-did-sighted = seen
indicators-did-false-positive = said to be harmless
indicators-did-revoked = revoked
indicators-did-restored = taken back into use
indicators-did-expired = given an end
indicators-did-extended = extended

indicators-new = New indicator
indicators-new-lead = Warning lists are asked before anything is saved.
indicators-guess = as it looks
indicators-in-case = Found in case
indicators-check = Check
indicators-before = Before it is saved
indicators-read-as = Read as
indicators-warned-why = What must never be blocked goes into no list, whatever its score; what is to be looked at is believed less.
indicators-known = Known already:
indicators-sure = I have read this and want it saved
indicators-save = Save
indicators-wrong = “{ $what }” cannot be understood.
indicators-confirm = Confirm
indicators-confirm-do = It was seen
indicators-harmless = False positive
indicators-harmless-do = It is harmless
indicators-trust = How sure, of 100
indicators-end = Extend or end
indicators-end-do = Set the end
indicators-revoke = Revoke
indicators-restore = Take back into use
indicators-refused-revoked = It is revoked: take it back into use first.

indicators-lists = Block lists
indicators-lists-lead = What a party would be given to block, as policy and warning lists leave it. Looking is no release: nothing leaves the house here.
indicators-lists-to = For party
indicators-lists-format = Format
indicators-lists-score = Least score
indicators-lists-do = Preview
indicators-lists-entries = { $count ->
        [one] 1 entry.
       *[other] { $shown } entries.
    }
indicators-lists-no-release = This is a preview; it was given to nobody.
indicators-lists-left = Left out
indicators-lists-count = How many
indicators-lists-first = The first { $shown } lines.
indicators-left-closed = its terms are closed to the party, or allow no blocking
indicators-left-kind = of a kind that the format cannot hold
indicators-left-not-active = not active
indicators-left-weak = below the least score
indicators-left-never = never to be blocked
indicators-left-full = the list is full of better ones
indicators-left-page = a page of a host that may hold others
indicators-left-address = its host is an address
indicators-left-marked = marked by a warning list
indicators-did-tightened = put under stricter terms by whoever gave it
