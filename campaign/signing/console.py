import campaign.signing.counting.models
import campaign.signing.invalidating.models
import campaign.signing.paper.models
