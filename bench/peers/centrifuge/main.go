// Command centrifuge is the library github.com/centrifugal/centrifuge, set up for speed as its documents say, with its
// broker in memory, or in Redis where there is a REDIS_ADDRESS. PORT and SECRET_KEY come from the environment too, the
// user from the token in the address of the socket.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

// As many messages as Parley keeps in Redis of a conversation, and as long; in memory too.
const (
	historySize = 10_000
	historyTTL  = 30 * 24 * time.Hour
)

// writeDelay is how long the library gathers what it has for one connection, so that it costs fewer system calls; with
// the limit on a frame's messages lifted, or that would be the limit of what a connection is sent. In fan-out it gives
// 1.6 times as much, in echo and rooms 10 to 20 % less: the bench sets GATHER accordingly.
const writeDelay = time.Millisecond

func main() {
	// Whether the members of a channel are kept, and each gets who comes and goes.
	announces := os.Getenv("JOIN_LEAVE") == "true"
	node, err := centrifuge.New(centrifuge.Config{
		LogLevel:   centrifuge.LogLevelError,
		LogHandler: func(entry centrifuge.LogEntry) { log.Printf("%s: %v", entry.Message, entry.Fields) },
		// Larger than the history's time, as its documents ask.
		HistoryMetaTTL: historyTTL + 24*time.Hour,
		// A sender with much in flight is cut off at the usual megabyte.
		ClientQueueMaxSize: 64 << 20,
	})
	if err != nil {
		log.Fatal(err)
	}
	if address := os.Getenv("REDIS_ADDRESS"); address != "" {
		if err := useRedis(node, address); err != nil {
			log.Fatal(err)
		}
	}
	var reply centrifuge.ConnectReply
	if os.Getenv("GATHER") == "true" {
		reply = centrifuge.ConnectReply{WriteDelay: writeDelay, MaxMessagesInFrame: -1}
	}
	if announces {
		reply = centrifuge.ConnectReply{WriteDelay: joinDelay, MaxMessagesInFrame: joinsInFrame, ReplyWithoutQueue: true}
	}
	node.OnConnecting(func(_ context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return reply, nil
	})
	subscription := centrifuge.SubscribeOptions{
		EnableRecovery: true,
		EmitPresence:   announces,
		EmitJoinLeave:  announces,
		PushJoinLeave:  announces,
	}
	node.OnConnect(func(client *centrifuge.Client) { serve(client, subscription) })
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	socket := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{UseWriteBufferPool: true})
	http.Handle("/connection/websocket", signIn(socket))
	http.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

// joinDelay is the same for joins and leaves, while replies do not wait: with 1 ms, 2,000 users who entered one channel cost 4.4 ms
// of processor time each. joinsInFrame is more than come meanwhile, and less than the load generator reads in one frame.
const (
	joinDelay    = 100 * time.Millisecond
	joinsInFrame = 1_024
)

// serve lets a client subscribe to every channel, with recovery, and publish to it. A publication is stored before the next of the
// same connection is looked at: in goroutines of their own, one sender's messages change places (see bench/README.md).
func serve(client *centrifuge.Client, subscription centrifuge.SubscribeOptions) {
	client.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
		done(centrifuge.SubscribeReply{Options: subscription}, nil)
	})
	client.OnPublish(func(event centrifuge.PublishEvent, done centrifuge.PublishCallback) {
		done(centrifuge.PublishReply{Options: centrifuge.PublishOptions{
			HistorySize: historySize,
			HistoryTTL:  historyTTL,
			ClientInfo:  event.ClientInfo,
		}}, nil)
	})
}

// useRedis replaces the broker in memory, which is a node's default.
func useRedis(node *centrifuge.Node, address string) error {
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: address})
	if err != nil {
		return err
	}
	broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
	if err != nil {
		return err
	}
	node.SetBroker(broker)
	return nil
}

// signIn admits clients with a token, before the upgrade.
func signIn(next http.Handler) http.Handler {
	key := []byte(os.Getenv("SECRET_KEY"))
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		user, ok := subjectOf(request.URL.Query().Get("token"), key)
		if !ok {
			http.Error(answer, "a token is needed", http.StatusUnauthorized)
			return
		}
		credentials := &centrifuge.Credentials{UserID: user}
		next.ServeHTTP(answer, request.WithContext(centrifuge.SetCredentials(request.Context(), credentials)))
	})
}

// subjectOf checks a token (HS256) by hand: a library would be slower.
func subjectOf(token string, key []byte) (user string, ok bool) {
	last := strings.LastIndexByte(token, '.')
	if last < 0 {
		return "", false
	}
	signed := hmac.New(sha256.New, key)
	signed.Write([]byte(token[:last]))
	given, err := base64.RawURLEncoding.DecodeString(token[last+1:])
	if err != nil || !hmac.Equal(given, signed.Sum(nil)) {
		return "", false
	}
	_, encoded, _ := strings.Cut(token[:last], ".")
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	var claims struct {
		Sub string
		Exp int64
	}
	if err := json.Unmarshal(decoded, &claims); err != nil || claims.Exp <= time.Now().Unix() {
		return "", false
	}
	return claims.Sub, true
}
