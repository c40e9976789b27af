package storetest

import "testing"

// Run tells every story of the contract. open opens the store that lives in dir, made
// at the first opening; Run closes it, and opening the same dir again must show the
// same data.
func Run(t *testing.T, open func(t *testing.T, dir string) Store) {
	for _, s := range []struct {
		name string
		tell func(*testing.T, func(*testing.T, string) Store)
	}{
		{"a repeated batch changes nothing and is answered with the head", repeatChangesNothing},
		{"an overlapping batch adds what is new", overlapAddsTheRest},
		{"a batch after a gap is not kept", gapKeepsNothing},
		{"a batch that contradicts its chain is evidence", forkIsEvidence},
		{"one call keeps batches of several chains", severalAtOnce},
		{"a failure keeps nothing", failureKeepsNothing},
		{"the data are there after opening again", reopened},
		{"many write and read at once", manyGoroutines},
		{"what was rejected comes back", rejectedComesBack},
		{"comments are beside the chain", commentsBesideTheChain},
		{"an unreadable record takes its place", unreadableTakesItsPlace},
		{"an answer that does not fit is quarantined", misfitIsQuarantined},
		{"a replaced answer moves to excluded", replacedIsExcluded},
		{"a continued response is one respondent", continuedIsOnePerson},
		{"a link to elsewhere is none", strayLinksAreNone},
		{"a session has an end", sessionHasAnEnd},
		{"a press too soon is excluded", tooSoonIsExcluded},
		{"the figures of Đà Nẵng 2014", danangFigures},
		{"the service roll-up", serviceGroups},
		{"months give the same as days", monthsEqualDays},
		{"a record waits for its questionnaire", waitsForQuestionnaire},
		{"a record waits for its counter", waitsForCounter},
		{"linked records wait for each other", sessionWaits},
		{"what a later program understands is held", laterVersionsAreHeld},
		{"the structure's past stays", structureStays},
		{"a press dated ahead stays where it was counted", aheadStaysWhereCounted},
		{"the last version added is in force", lastVersionInForce},
		{"every record is accounted for", everyRecordIsAccountedFor},
		{"a day is told later", daysAreToldLater},
		{"a clock may tell no day", clockOfNoDay},
		{"what was salvaged counts once", salvagedCountsOnce},
		{"what was salvaged is issued once", salvagedIsIssuedOnce},
		{"one chain does not make up for another", chainsDoNotMakeUp},
		{"more came than was said", moreCameThanWasSaid},
		{"what was salvaged says otherwise", salvagedSaysOtherwise},
		{"what was salvaged twice says otherwise", salvagedTwiceOtherwise},
		{"strangers salvage nothing", strangersSalvageNothing},
		{"each is issued once", eachIsIssuedOnce},
		{"a salvaged comment comes later", aSalvagedCommentComesLater},
		{"what kiosks say they issued", whatWasIssued},
		{"what a damaged journal may have lost", whatMayBeLost},
		{"what is on its way may be lost", whatIsOnItsWayMayBeLost},
		{"what is not here is of all its days", whatIsNotHereIsOfAllItsDays},
		{"a chain speaks of others at its beginning", aChainSpeaksOfOthersAtItsBeginning},
		{"the journal's own records are no loss", ownRecordsAreNoLoss},
		{"disputed records are a number of their own", disputedIsItsOwnNumber},
		{"a branch speaks for itself", aBranchSpeaksForItself},
		{"a branch is longer than the other", aBranchIsLongerThanTheOther},
		{"a loss is said again", aLossIsSaidAgain},
		{"what waits is listed", whoWaits},
		{"backup marks follow verified backups", backupMarks},
		{"signatures are verified", verified},
		{"kiosks are kept", kiosksAreKept},
		{"an invitation is redeemed once", invitationOnce},
		{"tokens are kept", tokensAreKept},
		{"posters are kept", postersAreKept},
		{"counts do not depend on how records come", arrivalDoesNotMatter},
		{"closings balance whatever comes", closingsBalance},
	} {
		t.Run(s.name, func(t *testing.T) { s.tell(t, open) })
	}
}
