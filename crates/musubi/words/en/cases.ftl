cases-title = Cases
cases-id = No.
cases-about = About
cases-state = State
cases-who = Assigned to
cases-due = Due
cases-due-by = due
cases-late = overdue
cases-overdue = Overdue
cases-events = Events
cases-seen = Seen
cases-tasks = Tasks
cases-words = Words or number
cases-open = Open
cases-all = All
cases-anybody = Anybody
cases-mine = Me
cases-as-table = As a table
cases-as-board = As a board
cases-new = New case
cases-none = There are no cases yet. “musubi case group” makes them of events that belong together, or open one by hand.
cases-none-so = No case is like this. The filter leaves all of them out.
cases-column-empty = None
cases-column-all = Show all of them
cases-n-events = { $count ->
        [one] 1 event
       *[other] { $shown } events
    }

cases-stage-new = New
cases-stage-working = In work
cases-stage-waiting = Waiting for others
cases-stage-closed = Closed
cases-resolved = Resolved
cases-false-positive = False positive
cases-given-up = Given up
cases-merged = Merged

cases-key = What it is about
cases-opened = Opened
cases-graph = Graph
cases-report = Report
cases-goes-on = This case goes on in
cases-history = History
cases-history-all = Show all { $shown } entries
cases-chain-good = History verified
cases-chain-why = { $shown } entries, each with the hash of the one before: nobody has changed the story.
cases-chain-broken = This history is not what was written. Do not rely on it, and tell whoever runs this installation.
cases-entered = entered
cases-day = Day
cases-day-utc = A day in UTC
cases-days = Days on which it was seen
cases-days-why = A row for each month, a square for each day on which it was seen.

cases-did-unknown = An entry in words that this version does not know
cases-did-opened = opened: { $title }
cases-did-seen = { $count ->
        [one] 1 event
       *[other] { $shown } events
    } seen from { $first } to { $last }
cases-did-seen-day = { $count ->
        [one] 1 event
       *[other] { $shown } events
    } seen on { $first }
cases-did-assigned = assigned to { $to }
cases-did-unassigned = assigned to nobody
cases-did-due = due
cases-did-undue = no longer due at a time
cases-did-task = task { $number }: { $title }
cases-did-task-done = task { $number } done
cases-did-task-again = task { $number } taken up again
cases-did-joined = { $party } takes part ({ $role })
cases-did-left = { $party } no longer takes part
cases-did-merged = goes on in
cases-did-merged-same = closed: it is the same as an older case and goes on there
cases-did-resolved = closed as resolved
cases-did-false-positive = closed as a false positive
cases-did-given-up = given up
cases-did-reopened = opened again
cases-did-absorbed = goes on here
cases-did-parted = goes on by itself again

cases-tasks-none = No tasks.
cases-task-new = Add a task
cases-task-title = What is to be done
cases-task-done = done
cases-task-done-do = Done
cases-task-again-do = Not done after all
cases-note = Note
cases-note-do = Add the note
cases-markdown = Markdown. HTML and images are not shown; addresses of others are shown defanged.
cases-work = Work on it
cases-assign-do = Assign
cases-due-do = Set the deadline
cases-hand-over = Hand over
cases-hand-to = To whom
cases-hand-note = Where it stands, and what comes next
cases-close = Close
cases-close-how = As
cases-close-do = Close the case
cases-why = Why
cases-reopen = Open it again
cases-reopen-do = Open it again
cases-merge = Merge into another case
cases-merge-why = This case is closed and goes on in the other one. It can be parted from it again at any time.
cases-merge-into = Number of the other case
cases-merge-do = Merge
cases-part = Part them again
cases-part-do = Let it go on by itself
cases-together = Cases that go on here
cases-new-like = Open another case from this one
cases-participants = Who takes part
cases-participants-none = No party takes part.
cases-join = Add a party
cases-leave = Take out
cases-party = Party
cases-role = As what
cases-takedowns-none = Nobody was asked to end it.

cases-event-at = When
cases-event-where = Where
cases-event-what = What
cases-event-reaches = Reaches
cases-event-feed = Feed
cases-events-all = { $count ->
        [one] Its event among all events
       *[other] All { $shown } events
    }
cases-events-none = None of its events are held any more, or none came yet.
cases-events-no-key = This case was opened by hand for nothing that events could be matched with.
cases-events-late = It takes long to find its events; the link below goes on looking.
cases-evidence = Evidence
cases-evidence-one = Evidence
cases-notice-sent = Sent
cases-notice-answer = Answer

cases-terms = Terms
cases-summary = In short
cases-summary-seen =
    Seen on { $days } days from { $first } to { $last }: { $count ->
        [one] 1 event
       *[other] { $shown } events
    }.
cases-summary-feeds = Told by: { $feeds }.
cases-summary-takedown = { $takedown }: { $party } was asked to end it; { $state }, quiet for { $quiet } of { $needed } days.
cases-summary-verified = { $takedown }: gone. { $party } was asked; { $state } after { $quiet } quiet days while a sensor watched ({ $needed } needed).
cases-summary-tasks = { $count ->
        [one] 1 task is
       *[other] { $shown } tasks are
    } open.
cases-summary-closed = Closed on { $at }.
cases-summary-open = The case is open.
cases-report-made = Made
cases-report-back = Back to the case
cases-report-pdf = PDF
cases-pdf-no-font = A PDF needs a font that has Japanese characters: none was found. Put one into the home as report-font.ttf, or name one in the configuration ([serve] font). Printing works without.
cases-report-print = Print this page, or save it as PDF from the print dialogue.

cases-new-title = Title
cases-new-key = What it is about
cases-new-key-hint = So that events are added to it: “address 192.0.2.1 infected-system malware mirai”, “c2 192.0.2.1:443”, “site phishing bank.example /login”, “campaign NAME”. May stay empty.
cases-new-note = First note
cases-new-do = Open the case

cases-refused-task = There is no task { $number }.
cases-refused-no-part = { $party } takes no part in it.
cases-refused-running = It is not resolved while takedowns are not verified: { $takedowns }. It can be given up instead.
cases-refused-closed = One of the cases is closed already.
cases-refused-goes-on = It goes on in another case: part them first.
cases-refused-open = It is open already.
cases-refused-itself = A case cannot go on in itself.
cases-refused-not-there = It does not go on in { $case }.
cases-wrong-empty = A field that is needed is empty.
cases-wrong-line = This field takes one line without control characters.
cases-wrong-long = The text is too long.
cases-wrong-day = “{ $day }” is no date such as 2026-03-23.
cases-wrong-person = { $name } has no account with which to work on cases.
cases-wrong-nobody = Say to whom it is handed over.
cases-wrong-party = There is no party { $party }.
cases-wrong-case = There is no case { $case }.
cases-wrong-key = “{ $key }” is about nothing that can be watched.
