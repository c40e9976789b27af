package centreapp

import "hailong/sync/downlink"

// directory is what answers kiosks that ask whose codes are good, how counters are called
// and where phones are served.
func (a *App) directory() *downlink.Centre {
	return downlink.NewCentre(downlink.CentreOptions{Source: a.store, Online: a.online, Sign: a.key, Now: a.options.Now, Log: a.log})
}

// online is where phones reach the gateway; "" = nowhere.
func (a *App) online() string {
	if a.options.Online != nil {
		return a.options.Online()
	}
	return a.config.Online
}
