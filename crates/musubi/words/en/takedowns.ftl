takedowns-title = Takedowns
takedowns-lead = Who was asked to end what. What people say is a claim; the network decides.
takedowns-about = About
takedowns-case = Case
takedowns-party = Asked
takedowns-class = Class
takedowns-quiet = Quiet days
takedowns-reason = Why it stands so
takedowns-running = Not over
takedowns-overdue = Answer overdue
takedowns-none = Nobody was asked to end anything yet. A takedown begins on the page of a case.
takedowns-none-so = No takedown is like this. The filter leaves all of them out.
takedowns-reinfections = { $count ->
        [one] seen again once
       *[other] seen again { $shown } times
    }
takedowns-again = Seen again

takedowns-group-open = Nobody asked
takedowns-group-asked = Asked
takedowns-group-answered = Answered
takedowns-group-seen-again = Seen again
takedowns-group-quiet = Quiet so far
takedowns-group-unknown = Unknown: nobody watches
takedowns-group-verified = Verified gone
takedowns-group-withdrawn = Withdrawn

takedowns-state-open = nobody asked
takedowns-state-requested = asked
takedowns-state-acknowledged = acknowledged
takedowns-state-fixed = said to be fixed
takedowns-state-disputed = disputed
takedowns-state-misdirected = not theirs
takedowns-state-declined = declined
takedowns-state-quiet = quiet so far
takedowns-state-unknown = unknown
takedowns-state-verified = verified gone
takedowns-state-reopened = seen again
takedowns-state-withdrawn = withdrawn

takedowns-means-open = Nobody was asked yet.
takedowns-means-requested = There is no answer yet.
takedowns-means-acknowledged = They have it.
takedowns-means-fixed = They say it is fixed; the network has not shown it.
takedowns-means-disputed = They say that there is nothing wrong.
takedowns-means-misdirected = They say that it is not theirs.
takedowns-means-declined = They will not act.
takedowns-means-quiet = Unseen while somebody watches, not yet for long enough.
takedowns-means-unknown = Nobody watches, so that silence proves nothing.
takedowns-means-verified = Unseen for the whole quiet period while somebody watched.
takedowns-means-reopened = It was seen again after it was said to be fixed or had been verified.
takedowns-means-withdrawn = We have given up the request.

takedowns-happening-opened = begun
takedowns-happening-assessed = looked at
takedowns-happening-requested = asked
takedowns-happening-acknowledged = they have it
takedowns-happening-escalated = the next one up asked
takedowns-happening-withdrawn = withdrawn
takedowns-happening-seen = seen again
takedowns-answer-fixed = answered: fixed
takedowns-answer-false-positive = answered: nothing is wrong
takedowns-answer-not-ours = answered: not theirs
takedowns-answer-need-more = answered: needs more
takedowns-answer-declined = answered: will not act
takedowns-answer-automatic = a machine answered
takedowns-peer-verified = the partner: verified gone
takedowns-peer-quiet = the partner: quiet so far
takedowns-peer-unwatched = the partner: nobody watches
takedowns-peer-seen = the partner: still seen
takedowns-peer-withdrawn = the partner: given up

takedowns-why = Why it stands so
takedowns-not-assessed = The network was not looked at since it was begun.
takedowns-assessed-at = looked at
takedowns-now = What came since makes it:
takedowns-no-sensor = No feed has shown that it would see this: silence proves nothing.
takedowns-sensors = These feeds would see it:
takedowns-sensor-place = reported this day after day
takedowns-sensor-near = reported the same kind in this network day after day

takedowns-days = Day by day
takedowns-days-why = A row for each month, a mark for each day: a square where it was seen, a ring where somebody watched and saw nothing, a stroke where nobody watched.
takedowns-days-late = It takes long to look at the network; try again in a while.
takedowns-day-seen = Seen
takedowns-day-silent = Watched, nothing seen
takedowns-day-unwatched = Nobody watched
takedowns-day-not-yet = Not told of yet
takedowns-day-no-sensor = No feed had shown that it would see this
takedowns-day-no-delivery = The feeds that would see it delivered nothing
takedowns-day-what = What was known
takedowns-said = What was said and done

takedowns-by = by
takedowns-escalations = { $count ->
        [one] one step up
       *[other] { $shown } steps up
    }
takedowns-nobody-asked = Nobody; it is only watched.
takedowns-basis = On what basis
takedowns-release = release
takedowns-asked-us = Asked us
takedowns-first-seen = First seen
takedowns-last-seen = Last seen
takedowns-asked-at = Asked at
takedowns-heard-at = First heard
takedowns-answered-at = Answered
takedowns-verified-at = Verified
takedowns-answer-due = Answer due

takedowns-new = Ask for it to be ended
takedowns-new-lead = It ends only when the network shows that it is gone. Without a party it is only watched.
takedowns-new-do = Begin
takedowns-target = What is to end
takedowns-target-hint = “address 192.0.2.1 infected-system malware mirai”, “c2 192.0.2.1:443”, “site phishing bank.example /login”
takedowns-ask = Ask
takedowns-ask-party = Who is asked
takedowns-ask-party-hint = The id of a party.
takedowns-channel = How
takedowns-agreement = Under which agreement
takedowns-agreement-hint = For a foreign party: the request is then a release.
takedowns-needed = Days it must be quiet
takedowns-needed-hint = By class when left empty.
takedowns-ask-again = Ask, or ask again
takedowns-escalate = Ask as the next one up
takedowns-answer = Their answer
takedowns-answer-what = They say
takedowns-answer-hint = That it is fixed is a claim; what the network shows decides.
takedowns-answer-do = Write it down
takedowns-detail = In their words
takedowns-network = The network
takedowns-assess = Look at the network now
takedowns-withdraw = Give up the request
takedowns-withdraw-do = Withdraw
takedowns-withdraw-question = Withdraw { $takedown }? It ends for good; { $party } is not told by this.
takedowns-refused-verified = It is verified: there is nothing left to ask.
takedowns-refused-withdrawn = It was withdrawn.
takedowns-refused-nobody = Nobody was asked yet: ask first.
takedowns-wrong-channel = The channel is a plain word such as mail or walled-garden.
takedowns-wrong-days = The number of days lies between 1 and 365.
takedowns-wrong-party = Say who is asked.
takedowns-wrong-nothing = The case is about nothing that can be watched: say what is to end.
takedowns-wrong-place = It is at no one place: say what in it is to end.
takedowns-wrong-unseen = Nothing was seen of it: there is nothing to take down.
takedowns-wrong-running = There is a takedown of it already.
