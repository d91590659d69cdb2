notices-cannot-send = Nothing can be sent: config.toml names no [smtp]. Notices can be read, held and cancelled.
notices-none = No notice was drafted yet. “musubi notice prepare” drafts them from what came in.
notices-none-such = No notice fits.
notices-pending = not let out yet
notices-state = State
notices-party = Party
notices-recipient = Recipient
notices-approve = Approve and send
notices-hold = Hold
notices-let-go = Release from hold
notices-again = Send again
notices-cancel = Cancel
notices-reason = Why, for the record
notices-ask-approve = { $count -> 
    [one] Send 1 finding to { $to }? It cannot be taken back.
   *[other] Send { $shown } findings to { $to }? It cannot be taken back.
 }
notices-ask-hold = { $count -> 
    [one] Hold back this notice of 1 finding to { $to }?
   *[other] Hold back this notice of { $shown } findings to { $to }?
 }
notices-ask-let-go = { $count -> 
    [one] Let this notice of 1 finding to { $to } go out with the others?
   *[other] Let this notice of { $shown } findings to { $to } go out with the others?
 }
notices-ask-again = { $count -> 
    [one] Send the same mail of 1 finding to { $to } again?
   *[other] Send the same mail of { $shown } findings to { $to } again?
 }
notices-ask-cancel = { $count -> 
    [one] Cancel this notice of 1 finding to { $to }?
   *[other] Cancel this notice of { $shown } findings to { $to }?
 }
notices-not-ready = The notice is not ready (any more), or it is held.
notices-letter = The letter
notices-files = Attachments
notices-why = Why this party may know
notices-kept-back = Policy keeps back { $shown } findings of it.
notices-no-preview = The letter cannot be written now:
notices-sealed-text = It was encrypted for its recipient; we cannot read it any more.
notices-may = May it know?
notices-history = What happened
notice-held = held
notice-let-go = released from hold
notice-waiting = gathering
notice-ready = ready
notice-released = released
notice-handing = being handed over
notice-sent = sent
notice-delivered = delivered
notice-failed = failed
notice-cancelled = cancelled
notice-denied = denied by policy
notice-answered = answered
notice-automatic = automatic reply
notice-unclear = not clear whether it was taken
templates-title = Templates
templates-lead = What letters say. A template for all problems, and one for a kind of problem in its place where you write one.
templates-all = all problems
templates-own = our own
templates-built-in = built in
templates-one = Template { $name }
templates-text = Text
templates-names = Values that it may use
templates-role = Told as
templates-look = Preview
templates-save = Save
templates-preview = As it would read
templates-reset = Back to the built-in
templates-reset-really = Throw our own text away and use the built-in one?
templates-length = A template is 1 byte to 64 KiB of text.
notice-tightened = its giver has put what it tells under stricter terms
