claims-title = Claims
claims-lead = Networks, AS numbers and domains that outside parties claim and prove. What another party holds already comes into force only when one of us lets it.
claims-none = There is no such claim.
claims-any = any
claims-value = Network, AS, domain
claims-party = Claimed by
claims-stage = State
claims-way = Proof
claims-others = Held by others
claims-made = Made
claims-do = Decide
claims-stage-open = to be proved
claims-stage-expired = expired
claims-stage-contested = to be decided by us
claims-stage-proved = in force
claims-stage-ended = ended
claims-tries = { $count ->
    [0] not tried yet
    [one] tried once
   *[other] tried { $count } times
    }
claims-decided-by = decided by { $name }
claims-accept = Accept
claims-accept-really = { $value } will be of { $party } from now on. What another party claimed of the same ends.
claims-end = End it
claims-end-really = End the claim of { $party } to { $value }? What it proved will hold no longer.
claims-not-now = This claim is not to be decided now: it has ended, or somebody else has decided it.
claims-own-first = Our own entry says that { $value } is of { $party }, and is believed before any claim. Change that entry first.
claims-waiting = { $count ->
    [one] 1 claim is to be decided
   *[other] { $count } claims are to be decided
    }
