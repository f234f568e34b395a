extends RefCounted
## The local player, the command line and the market.

const Data := preload("res://scripts/LocalPlayerData.gd")
const Market := preload("res://scripts/TradingMarketplace.gd")
const FILE := "user://test_player.json"


func test_an_id_and_a_name_are_made_once_and_stored() -> void:
	DirAccess.remove_absolute(FILE)
	var made: Dictionary[String, String] = Data.stored_in(FILE)
	assert(LobbyPlayer.is_valid_id(made.id) and made.name.contains(" "))
	assert(Data.stored_in(FILE) == made)
	DirAccess.remove_absolute(FILE)


func test_an_invalid_file_is_replaced() -> void:
	for text: String in ["", "nonsense", "[]", '{"id":"a b","name":"Ann"}', '{"id":"ann"}', '{"id":7,"name":" \\n "}']:
		var file := FileAccess.open(FILE, FileAccess.WRITE)
		file.store_string(text)
		file.close()
		var made: Dictionary[String, String] = Data.stored_in(FILE)
		assert(LobbyPlayer.is_valid_id(made.id) and made.name, text)
		assert(Data.stored_in(FILE) == made)
	DirAccess.remove_absolute(FILE)


func test_during_development_every_run_is_a_new_player() -> void:
	assert(LocalPlayerData.player_id.count(".") == 1 and LobbyPlayer.is_valid_id(LocalPlayerData.player_id))


func test_the_command_line_is_parsed_and_unknown_arguments_are_ignored() -> void:
	var arguments := Arguments.new(
		["--lobby=ws://10.0.0.1:8765/?a=b", "--name=Ann Lee", "--zone=lobby", "--autopilot", "tests/a.gd", "--x"]
	)
	assert(arguments.lobby == "ws://10.0.0.1:8765/?a=b" and arguments.name == "Ann Lee" and arguments.zone == "lobby")
	assert(arguments.autopilot and not arguments.offline and not arguments.silent)
	assert(Arguments.new().zone == "main")
	assert(Arguments.new(["--name"]).name == "")


func test_each_player_has_its_own_colour() -> void:
	var seen: Dictionary[Color, bool] = {}
	for i in 200:
		seen[Livery.of("bot_0_%d" % i)] = true
	assert(seen.size() == Livery.COLOURS.size())


func test_a_player_can_choose_every_colour() -> void:
	var colour := Livery.of("ann")
	var seen: Dictionary[Color, bool] = {}
	for i in Livery.COLOURS.size():
		colour = Livery.after(colour)
		assert(Livery.of("ann", Livery.as_data(colour)) == colour)
		seen[colour] = true
	assert(seen.size() == Livery.COLOURS.size())


func test_the_controller_overrides_no_method_of_the_client() -> void:
	var own: GDScript = LobbyController.get_script()
	var inherited := own.get_base_script().get_script_method_list().map(_name_of)
	for method: String in own.get_script_method_list().map(_name_of):
		assert(own.source_code.count("func %s(" % method) == 0 or not method in inherited, method)


func test_prices_swing_around_the_base_price() -> void:
	for good in TradingMarketplace.GOODS:
		var row := TradingMarketplace.GOODS[good]
		var sum := 0.0
		for second in 1_000:
			var price: int = TradingMarketplace.price(good, second)
			assert(price >= 1 and absf(price - row.x) <= row.y + 1.0)
			sum += price
		assert(absf(sum / 1_000.0 - row.x) < 0.2 * row.y)


func test_buying_needs_credits_and_selling_needs_goods() -> void:
	var market := Market.new()
	market.credits = 25
	assert(not market.sell("Ice") and not market.buy("Star charts"))
	assert(market.buy("Ice") and market.count("Ice") == 1 and market.credits < 20)
	assert(market.sell("Ice") and market.count() == 0)
	market.credits = 100_000
	for i in 100:
		market.buy("Ice")
	assert(market.count() == market.ROOM)
	market.free()


func _name_of(method: Dictionary) -> String:
	return method.name
